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

    /// <summary>A ring: each entry takes <see cref="Overhead"/> at least.</summary>
    private readonly Entry[] _entries = new Entry[Most / Overhead];

    /// <summary>Where the youngest stands.</summary>
    private int _youngest;
    private int _count;
    private int _size;
    private int _limit = Most;

    /// <param name="index">From 1 on.</param>
    public bool Has(int index) => index > 0 && index <= StaticLengths.Length + _count;

    /// <summary>The name of an entry. Null: there is no such entry.</summary>
    public HeaderName? Name(int index)
    {
        if (!Has(index)) return null;
        return index <= StaticLengths.Length
            ? new HeaderName(index == 1, StaticLengths[index - 1])
            : _entries[(_youngest - (index - StaticLengths.Length - 1) + _entries.Length) % _entries.Length].Name;
    }

    public void Add(HeaderName name, int valueLength)
    {
        var entry = new Entry(name, name.Length + valueLength + Overhead);
        Shrink(_limit - entry.Size);
        // One that is larger than the table leaves it empty.
        if (entry.Size > _limit) return;
        _youngest = (_youngest + 1) % _entries.Length;
        _entries[_youngest] = entry;
        _count++;
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
        while (_size > to && _count > 0) _size -= _entries[(_youngest - --_count + _entries.Length) % _entries.Length].Size;
    }

    private readonly record struct Entry(HeaderName Name, int Size);
}

/// <param name="Authority">It is <c>:authority</c>.</param>
/// <param name="Length">In bytes.</param>
internal readonly record struct HeaderName(bool Authority, int Length);
