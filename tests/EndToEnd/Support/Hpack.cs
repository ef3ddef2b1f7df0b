using System.Text;

namespace VmCacheCluster.Tests.EndToEnd.Support;

/// <summary>As much of HPACK (RFC 7541) as a server's answers take that does not compress strings.</summary>
internal sealed class Hpack
{
    /// <summary>The static table's entries that answers use; the rest have no name here.</summary>
    private static readonly Dictionary<int, (string, string)> Static = new()
    {
        [8] = (":status", "200"), [31] = ("content-type", ""), [33] = ("date", ""), [28] = ("content-length", ""), [54] = ("server", ""),
    };

    private readonly List<(string Name, string Value)> _dynamic = [];

    public Dictionary<string, string> Read(ReadOnlySpan<byte> block)
    {
        var headers = new Dictionary<string, string>();
        while (block.Length > 0)
        {
            var first = block[0];
            if ((first & 0x80) != 0)
            {
                var (name, value) = At(Number(ref block, 7));
                headers[name] = value;
            }
            else if ((first & 0xe0) == 0x20)
            {
                Number(ref block, 5);
            }
            else
            {
                var indexed = (first & 0xc0) == 0x40;
                var index = Number(ref block, indexed ? 6 : 4);
                var name = index == 0 ? Text(ref block) : At(index).Name;
                var value = Text(ref block);
                headers[name] = value;
                if (indexed) _dynamic.Insert(0, (name, value));
            }
        }

        return headers;
    }

    private (string Name, string Value) At(int index) => index > 61 ? _dynamic[index - 62] : Static.GetValueOrDefault(index, ($"static-{index}", ""));

    private static int Number(ref ReadOnlySpan<byte> block, int bits)
    {
        var most = (1 << bits) - 1;
        var number = block[0] & most;
        block = block[1..];
        if (number < most) return number;
        for (var shift = 0; ; shift += 7)
        {
            var more = block[0];
            block = block[1..];
            number += (more & 0x7f) << shift;
            if ((more & 0x80) == 0) return number;
        }
    }

    private static string Text(ref ReadOnlySpan<byte> block)
    {
        var compressed = (block[0] & 0x80) != 0;
        var length = Number(ref block, 7);
        var text = compressed ? "(compressed)" : Encoding.ASCII.GetString(block[..length]);
        block = block[length..];
        return text;
    }
}
