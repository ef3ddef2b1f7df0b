using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using VmCacheCluster.Hypervisor.Qemu.Processes;

namespace VmCacheCluster.Hypervisor.Qemu.Records;

/// <summary>What changes when a file is written or replaced: nobody can set the time of its last change back.</summary>
public readonly record struct FileState(ulong Device, ulong Inode, long Length, long Written, long WrittenNanoseconds, long Changed, long ChangedNanoseconds)
{
    private const long AllocationUnit = 512;
    private const int Words = 32;

    /// <exception cref="FileNotFoundException">It is not there, or cannot be looked at.</exception>
    public static FileState Of(string path) => Read(path).State;

    /// <summary>Bytes that it takes on disk: holes take none.</summary>
    /// <exception cref="FileNotFoundException">It is not there, or cannot be looked at.</exception>
    public static long Allocated(string path) => Read(path).Blocks * AllocationUnit;

    /// <summary>It is the same file, whatever has been written to it since.</summary>
    public bool IsSameFile(FileState other) => (Device, Inode) == (other.Device, other.Inode);

    /// <summary>Whether this path is still that file.</summary>
    public bool IsAt(string path)
    {
        try
        {
            return IsSameFile(Of(path));
        }
        catch (FileNotFoundException)
        {
            return false;
        }
    }

    /// <exception cref="IOException">It cannot be looked at.</exception>
    public static unsafe FileState Of(SafeFileHandle file)
    {
        var words = stackalloc long[Words];
        return Native.FileStat((int)file.DangerousGetHandle(), (byte*)words) == 0
            ? From(words)
            : throw new IOException("fstat: " + Marshal.GetLastPInvokeErrorMessage());
    }

    private static unsafe (FileState State, long Blocks) Read(string path)
    {
        const int blocks = 8;
        var words = stackalloc long[Words];
        if (Native.Stat(path, (byte*)words) != 0) throw new FileNotFoundException($"there is no file {path}", path);
        return (From(words), words[blocks]);
    }

    /// <param name="words">struct stat of x86-64, in words of eight bytes.</param>
    private static unsafe FileState From(long* words)
    {
        const int device = 0, inode = 1, size = 6, written = 11, changed = 13;
        return new FileState((ulong)words[device], (ulong)words[inode], words[size], words[written], words[written + 1], words[changed], words[changed + 1]);
    }
}
