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
            ?? Prepare("run-dir", Path.Combine(options.RunDirectory, "vm"))
            ?? Prepare("client-dir", options.ClientDirectory, shared: true)
            ?? Prepare("template-dir", options.TemplateDirectory)
            ?? (options.Cluster is null ? Reach("state-dir", options.StateDirectory) : Prepare("state-dir", options.StateDirectory))
            ?? options.Pools.Select(p => p.Endpoint).OfType<string>().Prepend(options.Endpoint).Distinct()
                .Select(socket => Reach("the directory of the socket", Path.GetDirectoryName(socket)!, shared: true, option: "--endpoint")).FirstOrDefault(fault => fault is not null);

    /// <summary>Others' directories are not ours to trust, whatever we may do there.</summary>
    private static string? Reach(string key, string directory, bool shared = false, string option = "--run-dir")
        => directory.Length > 0 && SafePath.Fault(directory, shared) is { } fault ? $"{key} {directory} cannot be used: {fault}; or name another one with {option}" : null;

    private static string? Prepare(string key, string directory, bool shared = false)
    {
        try
        {
            // Before anything is made there.
            if (Reach(key, directory, shared) is { } fault) return fault;
            Directory.CreateDirectory(directory, OwnerOnly);
            var probe = Path.Combine(directory, $".probe-{Environment.ProcessId}");
            // A new file: what somebody has put there under this name, be it a link, is neither written nor followed.
            File.Delete(probe);
            using (new FileStream(probe, FileMode.CreateNew)) File.Delete(probe);
            return null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return $"{key} {directory} cannot be used: {e.Message}; make it writable for {Environment.UserName}, or name another one with --run-dir";
        }
    }
}
