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
            // What is wrong with who may write there costs templates, and no VM: the pools say so.
            ?? Make("template-dir", options.TemplateDirectory)
            ?? (options.Cluster is not null ? Prepare("state-dir", options.StateDirectory)
                // One that we may not write is another's, and left alone.
                : Environment.IsPrivilegedProcess ? Reach("state-dir", options.StateDirectory) : null)
            ?? options.Pools.Select(p => p.Endpoint).OfType<string>().Prepend(options.Endpoint).Distinct()
                .Select(socket => Reach("endpoint", Path.GetDirectoryName(socket)!, shared: true)).FirstOrDefault(fault => fault is not null);

    private static string? Prepare(string key, string directory, bool shared = false)
        // Before anything is made there, and again: somebody may have been quicker.
        => Reach(key, directory, shared) ?? Make(key, directory) ?? Reach(key, directory, shared);

    /// <summary>Others' directories are not ours to trust, whatever we may do there.</summary>
    private static string? Reach(string key, string directory, bool shared = false)
        => directory.Length > 0 && SafePath.Fault(directory, shared) is { } fault ? $"{key} {directory} cannot be used: {fault}; or name another one ({How(key)})" : null;

    private static string How(string key) => key switch
    {
        "run-dir" => "--run-dir",
        "endpoint" => "--endpoint, or endpoint of the pool",
        _ => $"vmcache.{key}",
    };

    private static string? Make(string key, string directory)
    {
        try
        {
            Directory.CreateDirectory(directory, OwnerOnly);
            // A new file, of a name that nobody foresees: nothing that somebody has put there is written or followed.
            var probe = Path.Combine(directory, $".probe-{Guid.NewGuid():N}");
            try
            {
                using var file = new FileStream(probe, FileMode.CreateNew);
                // On a disk that is full an empty file can still be made.
                file.Write("writable?"u8);
                file.Flush();
            }
            finally
            {
                File.Delete(probe);
            }

            return null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return $"{key} {directory} cannot be used: {e.Message}; make it writable for {Environment.UserName}, or name another one ({How(key)})";
        }
    }
}
