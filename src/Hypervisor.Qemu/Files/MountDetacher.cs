using Microsoft.Win32.SafeHandles;

namespace VmCacheCluster.Hypervisor.Qemu.Files;

/// <summary>Detaches what is mounted on and in a tree that is to be removed. A name that a client changes meanwhile leads nowhere else.</summary>
internal sealed class MountDetacher
{
    /// <summary>So many times somebody may mount anew while a tree is being removed.</summary>
    private const int MostAgain = 256;

    private const int MostLooks = 16;

    private const int MostStacked = 1024;

    private int _again;

    /// <summary>Detaches every mount below a directory that is on the same mount as it, and with each what is mounted below that.</summary>
    /// <exception cref="IOException">One cannot be detached.</exception>
    public static void DetachBelow(SafeFileHandle root)
    {
        var errno = FileCalls.MountOf(root, out var mount);
        var path = FileCalls.PathOf(root);
        if (errno != 0) throw NotRemovedException.Of(path, errno);
        List<MountPoint> Mounts() =>
            [.. MountTable.Read().Where(m => m.Parent == mount && IsBelow(m.Path, path)).OrderBy(m => m.Path.Length)];
        // One may hide another: the outer ones go first, and the table tells whether all are gone.
        for (var looks = 0; looks < MostLooks; looks++)
        {
            if (Mounts() is not { Count: > 0 } mounts) return;
            foreach (var point in mounts) DetachAt(root, point.Path.AsMemory(path.Length + 1));
        }

        if (Mounts() is [var first, ..]) throw NotRemovedException.Mounted(first.Path, FileCalls.EBUSY);
    }

    /// <summary>Detaches what is mounted at a name in a directory, the topmost when there are several.</summary>
    /// <returns>False: nothing is mounted there.</returns>
    /// <exception cref="IOException">It cannot be detached, or mounts are made again and again.</exception>
    public bool Detach(SafeFileHandle parent, byte[] name) => DetachTop(parent, name, last: ++_again >= MostAgain) != FileCalls.ENOENT;

    /// <param name="last">Whatever comes of it, that was enough.</param>
    /// <returns>An errno. ENOENT: nothing is mounted there. EINVAL: it is gone by now, or cannot be detached, which the next look tells.</returns>
    private static int DetachTop(SafeFileHandle parent, byte[] name, bool last)
    {
        if (FileCalls.OpenMounted(parent, name, out var there) != 0) return FileCalls.ENOENT;
        using (there)
        {
            if (FileCalls.MountOf(there, out var mount) != 0 || FileCalls.MountOf(parent, out var around) != 0 || mount == around)
                return FileCalls.ENOENT;
            var path = FileCalls.PathOf(there);
            var errno = FileCalls.Detach(there);
            if (last || errno is not (0 or FileCalls.EINVAL)) throw NotRemovedException.Mounted(path, errno == 0 ? FileCalls.EBUSY : errno);
            return errno;
        }
    }

    private static void DetachAt(SafeFileHandle root, ReadOnlyMemory<byte> below)
    {
        var at = root;
        try
        {
            for (int slash; (slash = below.Span.IndexOf((byte)'/')) >= 0; below = below[(slash + 1)..])
            {
                var name = FileNames.Of(below.Span[..slash]);
                var errno = FileCalls.OpenChild(at, name, out var child);
                // Hidden by another one, or moved meanwhile.
                if (errno == FileCalls.EXDEV) DetachTop(at, name, last: false);
                if (errno != 0) return;
                if (at != root) at.Dispose();
                at = child;
            }

            for (var stacked = 0; stacked < MostStacked && DetachTop(at, FileNames.Of(below.Span), last: false) == 0;) stacked++;
        }
        finally
        {
            if (at != root) at.Dispose();
        }
    }

    private static bool IsBelow(ReadOnlySpan<byte> path, ReadOnlySpan<byte> directory) =>
        path.Length > directory.Length && path.StartsWith(directory) && path[directory.Length] == '/';
}
