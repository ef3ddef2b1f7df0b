using System.Text;
using VmCacheCluster.Domain;

namespace VmCacheCluster.Cli.Output;

/// <summary>Columns as kubectl prints them: upper-case heads, three blanks between, no lines.</summary>
internal sealed class Table(params string[] heads)
{
    private const string Gap = "   ";

    private readonly List<Cell[]> rows = [];

    /// <summary>A cell: its text, and how to paint it once its width is known.</summary>
    internal readonly record struct Cell(string Text, Func<string, string>? Paint = null)
    {
        public static implicit operator Cell(string text) => new(text);
    }

    internal void Add(params Cell[] cells)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(cells.Length, heads.Length);
        rows.Add([.. cells.Select(c => c with { Text = OneLine(c.Text) })]);
    }

    /// <summary>Text of others (a QEMU's, a guest's) on one line, with nothing in it that a terminal obeys.</summary>
    internal static string OneLine(string text) => Printable.OneLine(text);

    public override string ToString()
    {
        var widths = heads.Select((head, i) => rows.Select(r => r[i].Text.Length).Append(head.Length).Max()).ToArray();
        var text = new StringBuilder();
        Line(text, widths, [.. heads.Select(h => new Cell(h))]);
        foreach (var row in rows)
        {
            Line(text, widths, row);
        }

        return text.ToString();
    }

    private static void Line(StringBuilder text, int[] widths, Cell[] cells)
    {
        var last = Array.FindLastIndex(cells, c => c.Text.Length > 0);
        for (var i = 0; i <= last; i++)
        {
            var cell = cells[i];
            text.Append(cell.Paint is null ? cell.Text : cell.Paint(cell.Text));
            if (i < last)
            {
                text.Append(' ', widths[i] - cell.Text.Length).Append(Gap);
            }
        }

        text.Append('\n');
    }
}
