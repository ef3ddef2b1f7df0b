using System.Text;

namespace VmCacheCluster.Tests.Unit.Gateway.Endpoints.Http2;

/// <summary>How a field is sent (RFC 7541, section 6).</summary>
internal enum Sent
{
    /// <summary>By the index of its last entry, if it has one.</summary>
    Indexed,
    Kept,
    NotKept,
    NeverKept,
}

/// <summary>A client's side of HPACK, with a table of its own: sends each field as it is told to.</summary>
internal sealed class HpackWriter
{
    private const int StaticEntries = 61;

    private readonly List<(string Name, string Value)> _entries = [];
    private readonly List<byte> _block = [];
    private int _limit = 4096;

    public byte[] Take()
    {
        var block = _block.ToArray();
        _block.Clear();
        return block;
    }

    public HpackWriter Resize(int limit)
    {
        Number(limit, 5, 0x20);
        _limit = limit;
        Shrink(limit);
        return this;
    }

    /// <param name="literalName">The name is spelled, though it has an index.</param>
    public HpackWriter Field(string name, string value, Sent sent = Sent.Kept, bool huffman = true, bool literalName = false)
    {
        var whole = _entries.IndexOf((name, value));
        if (sent == Sent.Indexed && whole >= 0)
        {
            Number(StaticEntries + 1 + whole, 7, 0x80);
            return this;
        }

        var (bits, first) = sent switch { Sent.NotKept => (4, 0), Sent.NeverKept => (4, 0x10), _ => (6, 0x40) };
        var index = literalName ? 0 : Index(name);
        Number(index, bits, first);
        if (index == 0) Text(name, huffman);
        Text(value, huffman);
        if (first == 0x40) Keep(name, value);
        return this;
    }

    /// <summary>A name's youngest entry first, so that names are also referred to by entries that will go.</summary>
    private int Index(string name)
    {
        var kept = _entries.FindIndex(e => e.Name == name);
        if (kept >= 0) return StaticEntries + 1 + kept;
        return Enumerable.Range(1, StaticEntries).FirstOrDefault(i => KestrelHpack.StaticName(i) == name);
    }

    private void Keep(string name, string value)
    {
        var size = Size((name, value));
        Shrink(_limit - size);
        if (size <= _limit) _entries.Insert(0, (name, value));
    }

    private void Shrink(int to)
    {
        while (_entries.Count > 0 && _entries.Sum(Size) > to) _entries.RemoveAt(_entries.Count - 1);
    }

    private static int Size((string Name, string Value) entry) => entry.Name.Length + Encoding.Latin1.GetByteCount(entry.Value) + 32;

    private void Text(string text, bool huffman)
    {
        var bytes = Encoding.Latin1.GetBytes(text);
        if (huffman) bytes = Huffman(bytes);
        Number(bytes.Length, 7, huffman ? 0x80 : 0);
        _block.AddRange(bytes);
    }

    public static byte[] Huffman(ReadOnlySpan<byte> text)
    {
        var bits = new List<bool>();
        foreach (var symbol in text)
        {
            var (code, length) = KestrelHpack.Encode(symbol);
            for (var bit = length - 1; bit >= 0; bit--) bits.Add(((code >> bit) & 1) == 1);
        }

        while (bits.Count % 8 != 0) bits.Add(true);
        return [.. bits.Chunk(8).Select(part => (byte)part.Aggregate(0, (sum, bit) => (sum << 1) | (bit ? 1 : 0)))];
    }

    private void Number(int number, int bits, int first)
    {
        var most = (1 << bits) - 1;
        _block.Add((byte)(first | Math.Min(number, most)));
        if (number < most) return;
        for (number -= most; number > 0x7f; number >>= 7) _block.Add((byte)(number & 0x7f | 0x80));
        _block.Add((byte)number);
    }
}
