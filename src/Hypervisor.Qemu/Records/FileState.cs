using VmCacheCluster.Hypervisor.Qemu.Processes;

namespace VmCacheCluster.Hypervisor.Qemu.Records;

/// <summary>What changes when a file is written or replaced: nobody can set the time of its last change back.</summary>
internal readonly record struct FileState(ulong Device, ulong Inode, long Length, long Written, long WrittenNanoseconds, long Changed, long ChangedNanoseconds)
{
    private const long AllocationUnit = 512;

    /// <exception cref="FileNotFoundException">It is not there, or cannot be looked at.</exception>
    public static FileState Of(string path) => Read(path).State;

    /// <summary>Bytes that it takes on disk: holes take none.</summary>
    /// <exception cref="FileNotFoundException">It is not there, or cannot be looked at.</exception>
    public static long Allocated(string path) => Read(path).Blocks * AllocationUnit;

    private static unsafe (FileState State, long Blocks) Read(string path)
    {
        // struct stat of x86-64, in words of eight bytes.
        const int device = 0, inode = 1, size = 6, blocks = 8, written = 11, changed = 13;
        var words = stackalloc long[32];
        if (Native.Stat(path, (byte*)words) != 0) throw new FileNotFoundException($"there is no file {path}", path);
        return (new FileState((ulong)words[device], (ulong)words[inode], words[size], words[written], words[written + 1], words[changed], words[changed + 1]),
            words[blocks]);
    }
}
