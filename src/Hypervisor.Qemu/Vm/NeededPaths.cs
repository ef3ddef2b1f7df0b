using VmCacheCluster.Domain;

namespace VmCacheCluster.Hypervisor.Qemu.Vm;

/// <summary>
/// What a VM's holder reaches it by. A hand-out asks whether all of it is there, and as a rule looks at one directory: what was there stays
/// there while the directory that has it does not change. Safe for use by many threads.
/// </summary>
internal sealed class NeededPaths
{
    /// <summary>The file system's clock has ticks: a directory may change again and show the same time.</summary>
    private static readonly TimeSpan Settled = TimeSpan.FromSeconds(1);

    private readonly string _directory;
    private readonly string[] _within;
    private readonly string[] _elsewhere;

    /// <summary>When the directory had changed last as all within was there, in ticks; 0: that is not known.</summary>
    private long _whole;

    public NeededPaths(VmPaths paths)
    {
        _directory = paths.ClientDirectory;
        string[] all = [paths.Qmp, .. Path.IsPathRooted(paths.Agent) ? [paths.Agent] : Array.Empty<string>(), paths.Console, paths.Share];
        _within = [.. all.Where(p => Path.GetDirectoryName(p) == _directory)];
        _elsewhere = [.. all.Except(_within)];
    }

    /// <returns>The first that is gone; the directory, when it is that. Null: none is.</returns>
    public string? Missing()
    {
        var changed = Changed();
        if (changed.Ticks != Volatile.Read(ref _whole))
        {
            if (!Directory.Exists(_directory)) return _directory;
            if (Gone(_within) is { } gone) return gone;
            Volatile.Write(ref _whole, DateTime.UtcNow - changed > Settled ? changed.Ticks : 0);
        }

        return Gone(_elsewhere);
    }

    /// <summary>Of a directory that is gone, or cannot be reached, the time is one of long ago, and never that of one which was there.</summary>
    private DateTime Changed()
    {
        try
        {
            return Directory.GetLastWriteTimeUtc(_directory);
        }
        catch (Exception unreachable) when (unreachable is IOException or UnauthorizedAccessException)
        {
            return DateTime.UnixEpoch;
        }
    }

    private static string? Gone(string[] paths)
    {
        foreach (var path in paths)
            if (!Path.Exists(path)) return path;
        return null;
    }
}
