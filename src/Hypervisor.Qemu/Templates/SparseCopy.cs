using System.Buffers.Binary;
using System.Security.Cryptography;
using Microsoft.Win32.SafeHandles;
using VmCacheCluster.Hypervisor.Qemu.Processes;

namespace VmCacheCluster.Hypervisor.Qemu.Templates;

/// <param name="Digest">Of its contents, SHA-256 in hexadecimal; pages of zeros count as holes.</param>
/// <param name="Bytes">Without the holes.</param>
internal readonly record struct Copied(string Digest, long Bytes);

/// <summary>Copies a guest's memory, most of which was never touched: holes and pages of zeros are holes then.</summary>
internal static class SparseCopy
{
    /// <exception cref="IOException">Reading or writing failed.</exception>
    /// <exception cref="OperationCanceledException"/>
    public static Copied Run(SafeFileHandle from, SafeFileHandle to, CancellationToken cancel)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var (at, bytes) = (new byte[sizeof(long)], 0L);
        RandomAccess.SetLength(to, RandomAccess.GetLength(from));
        foreach (var run in MemoryRuns.Of(from))
        {
            cancel.ThrowIfCancellationRequested();
            if (run.IsZero) continue;
            for (var page = 0; page < run.Content.Length; page += MemoryRuns.Page)
            {
                BinaryPrimitives.WriteInt64LittleEndian(at, run.Offset + page);
                hash.AppendData(at);
                hash.AppendData(run.Content.Span.Slice(page, Math.Min(MemoryRuns.Page, run.Content.Length - page)));
            }

            RandomAccess.Write(to, run.Content.Span, run.Offset);
            bytes += run.Content.Length;
        }

        return new Copied(Convert.ToHexStringLower(hash.GetHashAndReset()), bytes);
    }
}
