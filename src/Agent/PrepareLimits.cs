namespace VmCacheCluster.Agent;

/// <summary>The most that our guest takes in one Prepare.</summary>
public static class PrepareLimits
{
    public const int LeastEntropyBytes = 32;
    public const int MostEntropyBytes = 4096;
    public const int HostnameLength = 64;
    public const int MachineIdLength = 32;
    public const int Files = 256;
    public const int FileBytes = 1024 * 1024;
    public const int AllFilesBytes = 3 * 1024 * 1024;
    public const int EnvironmentEntries = 256;

    /// <summary>Of a variable's name and value together, in UTF-8.</summary>
    public const int EnvironmentEntryBytes = 32 * 1024;

    /// <summary>Of all variables together: the kernel starts no program whose arguments and environment exceed 2 MiB.</summary>
    public const int EnvironmentBytes = 1024 * 1024;
}
