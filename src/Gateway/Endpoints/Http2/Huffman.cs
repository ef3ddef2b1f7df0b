namespace VmCacheCluster.Gateway.Endpoints.Http2;

/// <summary>HPACK's Huffman code, to be read (RFC 7541, appendix B). It is canonical: the lengths of its codes say the codes too.</summary>
internal static class Huffman
{
    private const int Longest = 30, EndOfString = 256;

    /// <summary>Of the codes of byte 0 to 255 and of the end of a string, in bits.</summary>
    private static ReadOnlySpan<byte> Lengths =>
    [
        13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 28,
        6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, 5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10,
        13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6,
        15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, 6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28,
        20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23, 24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24,
        22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23,
        26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25, 19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27,
        20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23, 26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26,
        30,
    ];

    /// <summary>By length of the code: the first code, and the place of its symbol among <see cref="Symbols"/>.</summary>
    private static readonly (int First, int Count, int Place)[] Codes = MakeCodes();

    /// <summary>In the order of their codes.</summary>
    private static readonly int[] Symbols = [.. Enumerable.Range(0, Lengths.Length).OrderBy(symbol => Lengths[symbol])];

    /// <summary>The most bytes that so many coded ones can say.</summary>
    public static int MostDecoded(int coded) => coded * 8 / 5;

    /// <param name="text">Has room for <see cref="MostDecoded"/>.</param>
    /// <returns>The length of the text; -1: this is no text.</returns>
    public static int Decode(ReadOnlySpan<byte> coded, Span<byte> text)
    {
        var (code, bits, written) = (0, 0, 0);
        foreach (var part in coded)
        {
            for (var bit = 7; bit >= 0; bit--)
            {
                code = (code << 1) | ((part >> bit) & 1);
                if (++bits > Longest) return -1;
                var (first, count, place) = Codes[bits];
                if (code - first >= count) continue;
                var symbol = Symbols[place + code - first];
                if (symbol == EndOfString) return -1;
                text[written++] = (byte)symbol;
                (code, bits) = (0, 0);
            }
        }

        // The rest of the last byte is filled with ones.
        return bits < 8 && code == (1 << bits) - 1 ? written : -1;
    }

    private static (int First, int Count, int Place)[] MakeCodes()
    {
        var codes = new (int First, int Count, int Place)[Longest + 1];
        foreach (var length in Lengths) codes[length].Count++;
        for (var bits = 1; bits <= Longest; bits++)
            codes[bits] = ((codes[bits - 1].First + codes[bits - 1].Count) << 1, codes[bits].Count, codes[bits - 1].Place + codes[bits - 1].Count);
        return codes;
    }
}
