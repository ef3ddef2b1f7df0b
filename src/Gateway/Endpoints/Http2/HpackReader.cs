namespace VmCacheCluster.Gateway.Endpoints.Http2;

/// <summary>Reads the parts of a header block (RFC 7541, section 5).</summary>
/// <param name="block">The whole block.</param>
internal ref struct HpackReader(ReadOnlySpan<byte> block)
{
    /// <summary>A number of more bytes is refused: no length or index that is allowed needs so many.</summary>
    private const int MostBits = 21;

    private readonly ReadOnlySpan<byte> _block = block;

    public int Position { get; private set; }

    public readonly bool AtEnd => Position == _block.Length;

    public readonly byte Next => _block[Position];

    /// <param name="bits">Of the first byte belong to the number.</param>
    public bool TryNumber(int bits, out int number)
    {
        var most = (1 << bits) - 1;
        number = 0;
        if (AtEnd) return false;
        number = _block[Position++] & most;
        if (number < most) return true;
        for (var shift = 0; shift < MostBits && !AtEnd; shift += 7)
        {
            var part = _block[Position++];
            number += (part & 0x7f) << shift;
            if ((part & 0x80) == 0) return true;
        }

        return false;
    }

    /// <param name="text">As it is sent: maybe by Huffman's code.</param>
    public bool TryText(out ReadOnlySpan<byte> text, out bool huffman)
    {
        text = default;
        huffman = !AtEnd && (Next & 0x80) != 0;
        if (!TryNumber(7, out var length) || length > _block.Length - Position) return false;
        text = _block.Slice(Position, length);
        Position += length;
        return true;
    }
}
