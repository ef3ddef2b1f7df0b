using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Win32.SafeHandles;

namespace VmCacheCluster.Kata.Files;

/// <summary>
/// Reads a file that somebody named. A FIFO would hang, a device act on being opened, a stream never end: only a regular file is read, and
/// of that no more than a bound. Files of /proc, which know no size, are read with the same bound.
/// </summary>
public static partial class RegularFile
{
    private const int AtFdCwd = -100;
    private const int AtEmptyPath = 0x1000;
    private const uint TypeAndMode = 0x3;
    private const int SizeOfStatx = 256;
    private const int OffsetOfMode = 28;

    private const int ReadOnly = 0;
    private const int NonBlock = 0x800;
    private const int NoTerminal = 0x100;
    private const int CloseOnExec = 0x80000;

    /// <summary>What is in it.</summary>
    /// <exception cref="IOException">It is no regular file, is larger than that, or cannot be read; the message says which.</exception>
    /// <exception cref="UnauthorizedAccessException">It may not be read.</exception>
    public static byte[] Read(string path, int most) => Read(path, most, out _);

    /// <param name="mode">Its permissions.</param>
    /// <inheritdoc cref="Read(string, int)"/>
    public static byte[] Read(string path, int most, out UnixFileMode mode)
    {
        var bytes = Begin(path, most + 1, out mode);
        return bytes.Length <= most ? bytes : throw new FileTooLargeException($"it has more than {most} bytes");
    }

    /// <summary>A text in UTF-8, with or without a byte order mark.</summary>
    /// <exception cref="DecoderFallbackException">It is not UTF-8.</exception>
    /// <inheritdoc cref="Read(string, int)"/>
    public static string ReadText(string path, int most)
    {
        var text = new UTF8Encoding(false, throwOnInvalidBytes: true).GetString(Read(path, most));
        return text.StartsWith('\uFEFF') ? text[1..] : text;
    }

    /// <summary>Its first bytes, as many as that or as it has.</summary>
    /// <inheritdoc cref="Read(string, int)"/>
    public static byte[] Begin(string path, int most) => Begin(path, most, out _);

    private static byte[] Begin(string path, int most, out UnixFileMode mode)
    {
        _ = ModeOf(AtFdCwd, path, 0, path);
        // It may have become another one meanwhile: nothing is waited for, and it is looked at again.
        using var handle = new SafeFileHandle(open(path, ReadOnly | NonBlock | NoTerminal | CloseOnExec), ownsHandle: true);
        if (handle.IsInvalid) throw Fault(path);
        mode = ModeOf((int)handle.DangerousGetHandle(), "", AtEmptyPath, path);
        var bytes = new byte[Math.Min(most, 64 << 10)];
        var length = 0;
        while (length < most)
        {
            if (length == bytes.Length) Array.Resize(ref bytes, (int)Math.Min(most, 2L * length));
            var read = RandomAccess.Read(handle, bytes.AsSpan(length), length);
            if (read == 0) break;
            length += read;
        }

        return bytes[..length];
    }

    private static unsafe UnixFileMode ModeOf(int descriptor, string path, int flags, string shown)
    {
        var facts = stackalloc byte[SizeOfStatx];
        if (statx(descriptor, path, flags, TypeAndMode, facts) != 0) throw Fault(shown);
        var mode = BinaryPrimitives.ReadUInt16LittleEndian(new ReadOnlySpan<byte>(facts + OffsetOfMode, 2));
        return (mode & 0xF000) switch
        {
            0x8000 => (UnixFileMode)(mode & 0xFFF),
            0x1000 => throw Other("FIFO"),
            0x2000 or 0x6000 => throw Other("device"),
            0x4000 => throw Other("directory"),
            0xC000 => throw Other("socket"),
            _ => throw Other("special file"),
        };

        static IOException Other(string what) => new($"it is a {what}, and only regular files are read");
    }

    private static Exception Fault(string path)
    {
        const int noEntry = 2, notDirectory = 20, noAccess = 13;
        var error = Marshal.GetLastPInvokeError();
        return error switch
        {
            noEntry or notDirectory => new FileNotFoundException($"there is no file {path}", path),
            noAccess => new UnauthorizedAccessException("permission denied"),
            _ => new IOException(Marshal.GetPInvokeErrorMessage(error)),
        };
    }

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int open(string path, int flags);

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static unsafe partial int statx(int directory, string path, int flags, uint mask, byte* facts);
}

/// <summary>A file has more bytes than are read of one.</summary>
public sealed class FileTooLargeException(string message) : IOException(message);
