using System.Runtime.InteropServices;
using System.Text;

namespace VmCacheCluster.Guest.Sys;

/// <summary>Reading and writing a descriptor without the file streams of the class library, which would stat and seek it.</summary>
internal static unsafe class Descriptor
{
    /// <returns>The descriptor, closed in programs that are started.</returns>
    /// <exception cref="LinuxException">The file cannot be opened.</exception>
    public static int Open(string path, int flags)
    {
        var descriptor = Libc.open(path, flags | Linux.O_CLOEXEC, 0);
        return descriptor >= 0 ? descriptor : throw LinuxException.Last($"cannot open {path}");
    }

    /// <returns>Bytes read, 0 at the end, or null when nothing is there now.</returns>
    /// <exception cref="LinuxException">Reading failed.</exception>
    public static int? Read(int descriptor, Span<byte> buffer)
    {
        fixed (byte* start = buffer)
        {
            while (true)
            {
                var count = Libc.read(descriptor, start, (nuint)buffer.Length);
                if (count >= 0) return (int)count;
                if (WouldBlock("cannot read")) return null;
            }
        }
    }

    /// <returns>Bytes written, or null when none can be taken now.</returns>
    /// <exception cref="LinuxException">Writing failed.</exception>
    public static int? Write(int descriptor, ReadOnlySpan<byte> bytes)
    {
        fixed (byte* start = bytes)
        {
            while (true)
            {
                var count = Libc.write(descriptor, start, (nuint)bytes.Length);
                if (count >= 0) return (int)count;
                if (WouldBlock("cannot write")) return null;
            }
        }
    }

    public static void MakeNonBlocking(int descriptor)
    {
        var flags = Libc.fcntl(descriptor, Linux.F_GETFL, 0);
        if (flags < 0 || Libc.fcntl(descriptor, Linux.F_SETFL, flags | Linux.O_NONBLOCK) < 0)
            throw LinuxException.Last("cannot make a descriptor non-blocking");
    }

    /// <summary>The text of a small file, such as those of sysfs, without the white space around it; null when it is missing.</summary>
    public static string? ReadSmallFile(string path)
    {
        var descriptor = Libc.open(path, Linux.O_RDONLY | Linux.O_CLOEXEC, 0);
        if (descriptor < 0) return null;
        Span<byte> buffer = stackalloc byte[4096];
        try
        {
            return Read(descriptor, buffer) is { } count ? Encoding.UTF8.GetString(buffer[..count]).Trim() : null;
        }
        finally
        {
            _ = Libc.close(descriptor);
        }
    }

    /// <exception cref="LinuxException">The file is missing or refuses the text.</exception>
    public static void WriteSmallFile(string path, string text)
    {
        var descriptor = Open(path, Linux.O_WRONLY);
        try
        {
            Write(descriptor, Encoding.UTF8.GetBytes(text));
        }
        catch (LinuxException fault)
        {
            throw new LinuxException($"{path} refuses '{text}'", fault.Errno);
        }
        finally
        {
            _ = Libc.close(descriptor);
        }
    }

    private static bool WouldBlock(string what) => Marshal.GetLastPInvokeError() switch
    {
        Linux.EAGAIN => true,
        Linux.EINTR => false,
        var errno => throw new LinuxException(what, errno),
    };
}
