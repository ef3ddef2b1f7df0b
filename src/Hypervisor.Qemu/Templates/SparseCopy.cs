using System.Buffers.Binary;
using System.Security.Cryptography;
using Microsoft.Win32.SafeHandles;
using VmCacheCluster.Hypervisor.Qemu.Processes;

namespace VmCacheCluster.Hypervisor.Qemu.Templates;

/// <param name="Digest">Of its contents, SHA-256 in hexadecimal; blocks of zeros count as holes.</param>
/// <param name="Bytes">Without the holes.</param>
internal readonly record struct Copied(string Digest, long Bytes);

/// <summary>Copies a guest's memory, most of which was never touched: holes and blocks of zeros stay holes.</summary>
internal static class SparseCopy
{
    private const int Block = 64 * 1024;
    private const int SeekData = 3;

    /// <exception cref="IOException">Reading or writing failed.</exception>
    /// <exception cref="OperationCanceledException"/>
    public static Copied Run(SafeFileHandle from, SafeFileHandle to, CancellationToken cancel)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var (buffer, at) = (new byte[Block], new byte[sizeof(long)]);
        var (length, bytes) = (RandomAccess.GetLength(from), 0L);
        RandomAccess.SetLength(to, length);
        for (var offset = NextData(from, 0); offset >= 0 && offset < length; offset = NextData(from, offset + Block))
        {
            cancel.ThrowIfCancellationRequested();
            offset -= offset % Block;
            var block = buffer.AsSpan(0, Read(from, buffer, offset));
            if (!block.ContainsAnyExcept((byte)0)) continue;
            BinaryPrimitives.WriteInt64LittleEndian(at, offset);
            hash.AppendData(at);
            hash.AppendData(block);
            RandomAccess.Write(to, block, offset);
            bytes += block.Length;
        }

        return new Copied(Convert.ToHexStringLower(hash.GetHashAndReset()), bytes);
    }

    private static int Read(SafeFileHandle from, byte[] buffer, long offset)
    {
        var read = 0;
        for (int more; read < buffer.Length && (more = RandomAccess.Read(from, buffer.AsSpan(read), offset + read)) > 0;) read += more;
        return read;
    }

    /// <returns>Where the next data is; negative: there is none.</returns>
    private static long NextData(SafeFileHandle from, long offset) => Native.Seek((int)from.DangerousGetHandle(), offset, SeekData);
}
