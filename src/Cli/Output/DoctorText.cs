using System.Text;
using VmCacheCluster.Cli.Doctor;

namespace VmCacheCluster.Cli.Output;

internal static class DoctorText
{
    internal static string Of(IReadOnlyList<Check> checks, Style style)
    {
        var text = new StringBuilder();
        var width = checks.Max(c => c.Name.Length);
        foreach (var check in checks)
        {
            var word = Word(check.Verdict).PadRight(4);
            text.Append($"{Paint(check.Verdict, style)(word)}  {check.Name.PadRight(width)}  {Table.OneLine(check.Found)}\n");
            if (check.Do.Length > 0)
            {
                text.Append(' ', 6 + width).Append($"  -> {Table.OneLine(check.Do)}\n");
            }
        }

        var fails = checks.Count(c => c.Verdict == Verdict.Fail);
        var warns = checks.Count(c => c.Verdict == Verdict.Warn);
        text.Append(fails > 0 ? $"\n{fails} failed, {warns} to look at\n" : warns > 0 ? $"\nnothing failed, {warns} to look at\n" : "\nall is well\n");
        return text.ToString();
    }

    internal static CheckView View(Check check) => new(check.Name, Word(check.Verdict), check.Found, check.Do.Length > 0 ? check.Do : null);

    internal static string Word(Verdict verdict) => verdict switch
    {
        Verdict.Ok => "ok",
        Verdict.Warn => "warn",
        _ => "fail",
    };

    private static Func<string, string> Paint(Verdict verdict, Style style) => verdict switch
    {
        Verdict.Ok => style.Good,
        Verdict.Warn => style.Warn,
        _ => style.Bad,
    };
}
