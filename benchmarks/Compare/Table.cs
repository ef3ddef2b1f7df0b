using System.Globalization;
using System.Text;

namespace VmCacheCluster.Benchmarks.Compare;

/// <summary>Figures of several runs, in Markdown.</summary>
public static class Table
{
    /// <summary>A difference that chance makes less often than this is told.</summary>
    private const double Level = 0.05;

    /// <param name="now">The output of each run.</param>
    /// <param name="before">Of another commit, in turns with it; empty: there is none.</param>
    public static string Of(string benchmark, IReadOnlyList<string> now, IReadOnlyList<string> before)
    {
        var (ours, theirs) = (Figures(now), Figures(before));
        var text = new StringBuilder();
        foreach (var ((label, unit), values) in ours)
        {
            text.Append(CultureInfo.InvariantCulture, $"| {benchmark} | {label} | ");
            if (before.Count == 0) text.AppendLine(CultureInfo.InvariantCulture, $"{Spread(values, unit)} |");
            else if (!theirs.TryGetValue((label, unit), out var others)) text.AppendLine(CultureInfo.InvariantCulture, $"not told | {Spread(values, unit)} | | |");
            else text.AppendLine(CultureInfo.InvariantCulture, $"{Spread(others, unit)} | {Spread(values, unit)} | {Ratio(others, values)} | {Verdict(others, values)} |");
        }

        foreach (var ((label, unit), values) in theirs.Where(t => !ours.ContainsKey(t.Key)))
            text.AppendLine(CultureInfo.InvariantCulture, $"| {benchmark} | {label} | {Spread(values, unit)} | not told | | |");
        return text.ToString();
    }

    public static string Head(bool compares) => compares
        ? "| benchmark | figure | before: min, median, max | now: min, median, max | now / before | rank test |\n|---|---|---|---|---|---|\n"
        : "| benchmark | figure | min, median, max |\n|---|---|---|\n";

    /// <summary>Below a table that compares.</summary>
    /// <param name="rows">All lines of it.</param>
    public static string Foot(string rows) => string.Create(
        CultureInfo.InvariantCulture,
        $"\n{rows.Split('\n').Count(r => r.EndsWith(") |", StringComparison.Ordinal))} figures were compared; without any difference, one in {1 / Level:0} is told to differ all the same.\n");

    private static string Ratio(List<double> before, List<double> now) =>
        Samples.Median(before) == 0 ? "" : string.Create(CultureInfo.InvariantCulture, $"{Samples.Median(now) / Samples.Median(before):0.00}");

    private static string Verdict(List<double> before, List<double> now)
    {
        var p = RankTest.Probability(before, now);
        var what = p >= Level ? "no difference seen" : Samples.Median(now) > Samples.Median(before) ? "higher" : Samples.Median(now) < Samples.Median(before) ? "lower" : "other";
        return string.Create(CultureInfo.InvariantCulture, $"{what} (p = {p:0.000})");
    }

    private static string Spread(List<double> values, string unit)
    {
        string Shown(double value) => value.ToString(value >= 100 ? "0" : value >= 1 ? "0.0#" : "0.000", CultureInfo.InvariantCulture);
        return $"{Shown(values.Min())}, {Shown(Samples.Median(values))}, {Shown(values.Max())} {unit}".TrimEnd();
    }

    /// <summary>In the order in which the first run told them.</summary>
    private static Dictionary<(string Label, string Unit), List<double>> Figures(IReadOnlyList<string> outputs)
    {
        Dictionary<(string, string), List<double>> figures = [];
        foreach (var output in outputs)
        {
            HashSet<(string, string)> told = [];
            foreach (var figure in output.Split('\n').Select(FigureLine.Read).OfType<FigureLine>())
            {
                // Two of one name in one run are two figures.
                var (key, number) = ((figure.Label, figure.Unit), 1);
                while (!told.Add(key)) key = ($"{figure.Label} ({++number})", figure.Unit);
                if (!figures.TryGetValue(key, out var values)) figures[key] = values = [];
                values.Add(figure.Value);
            }
        }

        return figures;
    }
}
