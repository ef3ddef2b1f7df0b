using System.Globalization;
using System.Text.RegularExpressions;

namespace VmCacheCluster.Benchmarks.Compare;

/// <summary>One figure of one run, read from a benchmark's output: "LABEL   VALUE UNIT ..." (three spaces at least), or
/// "LABEL p50 VALUE ms ..." of a distribution.</summary>
/// <param name="Unit">Empty: a ratio.</param>
public sealed partial record FigureLine(string Label, double Value, string Unit)
{
    /// <returns>Null: the line holds no figure.</returns>
    public static FigureLine? Read(string line)
    {
        var match = Distribution().Match(line) is { Success: true } distribution ? distribution : Single().Match(line);
        if (!match.Success) return null;
        var label = Rounds().Replace(match.Groups["label"].Value, "").Trim();
        return new FigureLine(label, double.Parse(match.Groups["value"].Value, CultureInfo.InvariantCulture), match.Groups["unit"].Value);
    }

    [GeneratedRegex(@"^\s*(?<label>\S.*?)\s+p50\s+(?<value>-?\d+(\.\d+)?) (?<unit>ms)\b")]
    private static partial Regex Distribution();

    [GeneratedRegex(@"^\s*(?<label>\S.*?)\s{3,}(?<value>-?\d+(\.\d+)?)(\s(?<unit>ms|s|MB|MiB|KiB|bytes|%|x|us|calls/s)(?![\w/]))?")]
    private static partial Regex Single();

    /// <summary>How many rounds a figure was taken from does not name it.</summary>
    [GeneratedRegex(@",? median of \d+( rounds| pairs)?")]
    private static partial Regex Rounds();
}
