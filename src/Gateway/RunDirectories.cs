using VmCacheCluster.Domain;
using VmCacheCluster.Hypervisor.Qemu.Records;

namespace VmCacheCluster.Gateway;

/// <summary>The directories that must be there, ours and writable before anything else makes sense.</summary>
public static class RunDirectories
{
    /// <summary>The mode of directories that the daemon makes.</summary>
    internal const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;

    /// <returns>What is wrong, for a person; null when all is well.</returns>
    public static string? Prepare(NodeOptions options)
        => Prepare("run-dir", options.RunDirectory)
            ?? (Trust.Foreigner(options.RunDirectory) is { } owner ? $"run-dir {options.RunDirectory} belongs to user {owner}: name one of your own with --run-dir" : null)
            ?? Prepare("run-dir", Path.Combine(options.RunDirectory, "vm"))
            ?? Prepare("client-dir", options.ClientDirectory)
            ?? Prepare("template-dir", options.TemplateDirectory)
            ?? (options.Cluster is null ? null : Prepare("state-dir", options.StateDirectory));

    private static string? Prepare(string key, string directory)
    {
        try
        {
            Directory.CreateDirectory(directory, OwnerOnly);
            var probe = Path.Combine(directory, $".probe-{Environment.ProcessId}");
            File.WriteAllText(probe, "writable?");
            File.Delete(probe);
            return null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return $"{key} {directory} cannot be used: {e.Message}; make it writable for {Environment.UserName}, or name another one with --run-dir";
        }
    }
}
