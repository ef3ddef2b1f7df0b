using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using VmCacheCluster.Hypervisor.Qemu.Processes;

namespace VmCacheCluster.Hypervisor.Qemu.Records;

/// <summary>Reads a small file of ours whole, which others may have spoiled or put something else in the place of.</summary>
public static class RecordBytes
{
    private const int Most = 1024 * 1024;
    private const int NoSuchFile = 2, NoDirectory = 20, NotPermitted = 1, AccessDenied = 13, Loop = 40;
    private const uint TypeMask = 0xF000, TypeRegular = 0x8000;

    /// <param name="most">The largest that it may be, in bytes.</param>
    /// <exception cref="FileNotFoundException">It is not there.</exception>
    /// <exception cref="UnauthorizedAccessException">It may not be read.</exception>
    /// <exception cref="InvalidDataException">It is no regular file (a link, a directory, a pipe), or larger than that.</exception>
    /// <exception cref="IOException">The host could not read it.</exception>
    public static byte[] Read(string path, int most = Most)
    {
        using var file = Open(path);
        if (!IsRegular(file)) throw new InvalidDataException("it is no regular file");
        var buffer = new byte[4096];
        using var contents = new MemoryStream();
        // Not what it is said to have: it may grow meanwhile.
        for (int count; (count = RandomAccess.Read(file, buffer, contents.Length)) > 0;)
        {
            if (contents.Length + count > most) throw new InvalidDataException($"it has more than {most} bytes");
            contents.Write(buffer, 0, count);
        }

        return contents.ToArray();
    }

    /// <summary>At once, whatever it is: .NET would wait at a pipe for its writer.</summary>
    private static SafeFileHandle Open(string path)
    {
        const int readOnlyNoFollowNonBlockingCloseOnExec = 0x20000 | 0x800 | 0x80000;
        var file = Native.OpenFile(path, readOnlyNoFollowNonBlockingCloseOnExec);
        if (file >= 0) return new SafeFileHandle(file, ownsHandle: true);
        var error = Marshal.GetLastPInvokeError();
        var message = $"{path}: {Marshal.GetPInvokeErrorMessage(error)}";
        throw error switch
        {
            NoSuchFile or NoDirectory => new FileNotFoundException(message, path),
            NotPermitted or AccessDenied => new UnauthorizedAccessException(message),
            Loop => new InvalidDataException("it is a symbolic link"),
            _ => new IOException(message, error),
        };
    }

    private static unsafe bool IsRegular(SafeFileHandle file)
    {
        const int mode = 24;
        var stat = stackalloc byte[256];
        return Native.FileStat((int)file.DangerousGetHandle(), stat) == 0 && (*(uint*)(stat + mode) & TypeMask) == TypeRegular;
    }
}
