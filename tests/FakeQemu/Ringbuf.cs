using System.Text;

namespace VmCacheCluster.Tests.FakeQemu;

/// <summary>The console's ring buffer: reading takes what is read.</summary>
internal sealed class Ringbuf(string text)
{
    private const int Capacity = 64 * 1024;

    private byte[] _content = Encoding.UTF8.GetBytes(text).TakeLast(Capacity).ToArray();

    public ReadOnlySpan<byte> Read(int size)
    {
        var taken = Interlocked.Exchange(ref _content, _content[Math.Min(size, _content.Length)..]);
        return taken.AsSpan(0, Math.Min(size, taken.Length));
    }
}
