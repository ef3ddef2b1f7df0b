using System.Text;
using System.Text.RegularExpressions;
using VmCacheCluster.Domain;

namespace VmCacheCluster.Cli.Output;

/// <summary>
/// What the CLI says itself, text and JSON, goes through here: whatever part of it came from others, a terminal obeys none of it. The colours
/// of <see cref="Style"/> pass. What a program in a VM prints is its own, and does not come by.
/// </summary>
internal sealed partial class PrintableWriter(TextWriter inner) : TextWriter
{
    public override Encoding Encoding => inner.Encoding;

    public override void Write(char value) => inner.Write(Printable.IsUnsafe(value) && value is not ('\n' or '\t') && !char.IsSurrogate(value) ? Printable.Lines([value]) : value.ToString());

    public override void Write(char[] buffer, int index, int count) => Write(buffer.AsSpan(index, count));

    public override void Write(string? value) => Write(value.AsSpan());

    public override void Write(ReadOnlySpan<char> buffer)
    {
        var from = 0;
        foreach (var colour in Colour().EnumerateMatches(buffer))
        {
            inner.Write(Printable.Lines(buffer[from..colour.Index]));
            inner.Write(buffer.Slice(colour.Index, colour.Length));
            from = colour.Index + colour.Length;
        }

        inner.Write(Printable.Lines(buffer[from..]));
    }

    public override void WriteLine(string? value)
    {
        Write(value);
        Write('\n');
    }

    public override void Flush() => inner.Flush();

    public override Task FlushAsync() => inner.FlushAsync();

    [GeneratedRegex(@"\e\[(0|1|3[1-3])m")]
    private static partial Regex Colour();
}
