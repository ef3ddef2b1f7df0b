namespace VmCacheCluster.Hypervisor.Qemu.Users;

/// <summary>Arguments of setpriv that leave a program some of root's capabilities.</summary>
internal static class Capabilities
{
    /// <summary>For files that a 9p or virtiofs server makes for the users of a container.</summary>
    private static readonly string[] OfFiles = ["chown", "dac_override", "dac_read_search", "fowner", "fsetid", "mknod", "setfcap", "setgid", "setuid"];

    public static IReadOnlyList<string> None { get; } = Only();

    /// <summary>Of a VM of Kata's shape: memory that a VFIO device reaches is locked.</summary>
    /// <param name="files">It shares a directory with its guest.</param>
    public static IReadOnlyList<string> OfKata(bool files) => Only(["ipc_lock", .. files ? OfFiles : Array.Empty<string>()]);

    private static string[] Only(params string[] kept) => ["--inh-caps=-all", $"--bounding-set=-all{string.Concat(kept.Select(c => ",+" + c))}"];
}
