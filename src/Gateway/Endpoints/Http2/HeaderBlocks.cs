using System.Buffers;

namespace VmCacheCluster.Gateway.Endpoints.Http2;

/// <summary>The header blocks of one connection's client, in their order: each <c>:authority</c> that is no host's name gets one in its place.</summary>
internal sealed class HeaderBlocks
{
    private readonly HpackTable _table = new();
    private byte[] _text = new byte[256];

    /// <param name="rewritten">Is given the block, when it has to be another.</param>
    public BlockVerdict Read(ReadOnlySpan<byte> block, ArrayBufferWriter<byte> rewritten)
    {
        var reader = new HpackReader(block);
        var copied = 0;
        while (!reader.AtEnd)
        {
            var kind = reader.Next;
            if ((kind & 0x80) != 0)
            {
                // An entry that was sent before, and is a host's name since.
                if (!reader.TryNumber(7, out var entry) || !_table.Has(entry)) return BlockVerdict.Malformed;
            }
            else if ((kind & 0xe0) == 0x20)
            {
                if (!reader.TryNumber(5, out var limit) || !_table.TryResize(limit)) return BlockVerdict.Malformed;
            }
            else
            {
                var kept = (kind & 0x40) != 0;
                if (!TryName(ref reader, kept ? 6 : 4, out var name)) return BlockVerdict.Malformed;
                var start = reader.Position;
                if (!reader.TryText(out var sent, out var huffman) || !TryDecode(sent, huffman, out var value)) return BlockVerdict.Malformed;
                if (kept) _table.Add(name, value.Length);
                if (!name.Authority || Authority.IsPlain(value)) continue;
                rewritten.Write(block[copied..start]);
                WriteText(rewritten, value.Length);
                copied = reader.Position;
            }
        }

        if (copied == 0) return BlockVerdict.Same;
        rewritten.Write(block[copied..]);
        return BlockVerdict.Rewritten;
    }

    private bool TryName(ref HpackReader reader, int bits, out HeaderName name)
    {
        name = default;
        if (!reader.TryNumber(bits, out var index)) return false;
        if (index > 0)
        {
            if (_table.Name(index) is not { } known) return false;
            name = known;
            return true;
        }

        if (!reader.TryText(out var sent, out var huffman) || !TryDecode(sent, huffman, out var text)) return false;
        name = new HeaderName(text.SequenceEqual(Authority.Name), text.Length);
        return true;
    }

    /// <param name="text">Until the next one.</param>
    private bool TryDecode(ReadOnlySpan<byte> sent, bool huffman, out ReadOnlySpan<byte> text)
    {
        text = sent;
        if (!huffman) return true;
        var most = Huffman.MostDecoded(sent.Length);
        if (_text.Length < most) _text = new byte[most];
        var length = Huffman.Decode(sent, _text);
        text = length < 0 ? default : _text.AsSpan(0, length);
        return length >= 0;
    }

    private static void WriteText(ArrayBufferWriter<byte> output, int length)
    {
        const int most = 0x7f;
        var number = output.GetSpan(8);
        var left = length - most;
        var written = 1;
        number[0] = (byte)Math.Min(length, most);
        if (left >= 0)
        {
            for (; left > 0x7f; left >>= 7) number[written++] = (byte)(left | 0x80);
            number[written++] = (byte)left;
        }

        output.Advance(written);
        Authority.Fill(output.GetSpan(length)[..length]);
        output.Advance(length);
    }
}

internal enum BlockVerdict
{
    /// <summary>It is good as it is.</summary>
    Same,

    Rewritten,

    /// <summary>It is no header block, and no later one of the connection can be read.</summary>
    Malformed,
}
