namespace VmCacheCluster.Hypervisor.Qemu.Files;

/// <summary>Why a tree, or some of it, is still there.</summary>
/// <param name="message">What is in the way, and where.</param>
/// <param name="remedy">What to do about it.</param>
internal sealed class NotRemovedException(string message, string remedy) : IOException(message)
{
    public string Remedy { get; } = remedy;

    /// <param name="path">Without a NUL.</param>
    public static NotRemovedException Of(ReadOnlySpan<byte> path, int errno)
    {
        var name = FileNames.Text(path);
        return new NotRemovedException($"{name} cannot be removed: {FileCalls.Text(errno)}", errno switch
        {
            FileCalls.EPERM => $"see by lsattr -d {name} whether it is immutable or append-only, and end that by chattr -ia {name}",
            FileCalls.EACCES => "give the daemon's user the right to it and to the directory that it is in",
            FileCalls.EBUSY => "it is in use, or a mount point of another path: see findmnt",
            FileCalls.EROFS => "the file system is read-only: mount it read-write",
            FileCalls.EMFILE or FileCalls.ENFILE => "raise the limit of open files (LimitNOFILE)",
            FileCalls.ENOSYS => "removing a tree without leaving its mount needs openat2 and statx's mount number: run Linux 5.8 or newer",
            _ => "",
        });
    }

    /// <summary>Nothing was removed of what is mounted there.</summary>
    public static NotRemovedException Mounted(ReadOnlySpan<byte> path, int errno)
    {
        var name = FileNames.Text(path);
        return new NotRemovedException(
            $"{name} is a mount point that cannot be detached: {FileCalls.Text(errno)}; nothing that is mounted there was touched",
            $"umount {name}");
    }
}
