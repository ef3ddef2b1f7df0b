namespace VmCacheCluster.Gateway.Endpoints.Http2;

/// <summary>What is needed of the table that a client's header blocks refer to (RFC 7541, section 2.3): the names, as far as they matter.</summary>
internal sealed class HpackTable
{
    /// <summary>What HTTP/2 begins with, and Kestrel keeps to.</summary>
    private const int Most = 4096;

    /// <summary>An entry counts this much more than its name and value.</summary>
    private const int Overhead = 32;

    /// <summary>The static entries' names, in bytes; the first is <c>:authority</c>, and the only one of it.</summary>
    private static ReadOnlySpan<byte> StaticLengths =>
    [
        10, 7, 7, 5, 5, 7, 7, 7, 7, 7, 7, 7, 7, 7, 14, 15, 15, 13, 6, 27, 3, 5, 13, 13, 19, 16, 16, 14, 16, 13, 12,
        6, 4, 4, 6, 7, 4, 4, 8, 17, 13, 8, 19, 13, 4, 8, 12, 18, 19, 5, 7, 7, 11, 6, 10, 25, 17, 10, 4, 3, 16,
    ];

    /// <summary>The oldest first.</summary>
    private readonly Queue<Entry> _entries = new();
    private int _size;
    private int _limit = Most;

    /// <param name="index">From 1 on.</param>
    public bool Has(int index) => index > 0 && index <= StaticLengths.Length + _entries.Count;

    /// <summary>The name of an entry. Null: there is no such entry.</summary>
    public HeaderName? Name(int index)
    {
        if (!Has(index)) return null;
        return index <= StaticLengths.Length
            ? new HeaderName(index == 1, StaticLengths[index - 1])
            : _entries.ElementAt(_entries.Count - (index - StaticLengths.Length)).Name;
    }

    public void Add(HeaderName name, int valueLength)
    {
        var entry = new Entry(name, name.Length + valueLength + Overhead);
        Shrink(_limit - entry.Size);
        // One that is larger than the table leaves it empty.
        if (entry.Size > _limit) return;
        _entries.Enqueue(entry);
        _size += entry.Size;
    }

    /// <returns>False: so large it may not be.</returns>
    public bool TryResize(int limit)
    {
        if (limit > Most) return false;
        _limit = limit;
        Shrink(limit);
        return true;
    }

    private void Shrink(int to)
    {
        while (_size > to && _entries.TryDequeue(out var oldest)) _size -= oldest.Size;
    }

    private readonly record struct Entry(HeaderName Name, int Size);
}

/// <param name="Authority">It is <c>:authority</c>.</param>
/// <param name="Length">In bytes.</param>
internal readonly record struct HeaderName(bool Authority, int Length);
