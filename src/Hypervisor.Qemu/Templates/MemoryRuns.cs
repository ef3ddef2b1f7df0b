using Microsoft.Win32.SafeHandles;
using VmCacheCluster.Hypervisor.Qemu.Processes;

namespace VmCacheCluster.Hypervisor.Qemu.Templates;

/// <summary>Neighbouring pages of a file that all hold something, or all hold zeros.</summary>
/// <param name="Offset">Of the first, in bytes.</param>
/// <param name="Content">Valid until the next run is asked for.</param>
internal readonly record struct MemoryRun(long Offset, bool IsZero, ReadOnlyMemory<byte> Content);

/// <summary>A guest's memory in a file, run by run, without its holes.</summary>
internal static class MemoryRuns
{
    /// <summary>In bytes: what a guest touches, and what a hole can be, at least.</summary>
    public const int Page = 4096;

    private const int Block = 64 * 1024;
    private const int SeekData = 3;

    /// <param name="from">Where to begin, in bytes; at the beginning of a page.</param>
    /// <exception cref="IOException">Reading failed.</exception>
    public static IEnumerable<MemoryRun> Of(SafeFileHandle file, long from = 0)
    {
        var buffer = new byte[Block];
        var length = RandomAccess.GetLength(file);
        for (var offset = NextData(file, from); offset >= 0 && offset < length; offset = NextData(file, offset + Block))
        {
            offset -= offset % Block;
            var count = Read(file, buffer, offset);
            for (int start = (int)Math.Max(0, from - offset), end; start < count; start = end)
            {
                var zero = IsZero(buffer, start, count);
                for (end = start + Page; end < count && IsZero(buffer, end, count) == zero;) end += Page;
                end = Math.Min(end, count);
                yield return new MemoryRun(offset + start, zero, buffer.AsMemory(start, end - start));
            }
        }
    }

    private static bool IsZero(byte[] buffer, int start, int count) =>
        !buffer.AsSpan(start, Math.Min(Page, count - start)).ContainsAnyExcept((byte)0);

    private static int Read(SafeFileHandle from, byte[] buffer, long offset)
    {
        var read = 0;
        for (int more; read < buffer.Length && (more = RandomAccess.Read(from, buffer.AsSpan(read), offset + read)) > 0;) read += more;
        return read;
    }

    /// <returns>Where the next data is; negative: there is none.</returns>
    private static long NextData(SafeFileHandle from, long offset) => Native.Seek((int)from.DangerousGetHandle(), offset, SeekData);
}
