using System.Globalization;

namespace VmCacheCluster.Cli.Output;

/// <summary>Durations as people write and read them.</summary>
internal static class Durations
{
    private static readonly (string Unit, double Seconds)[] Units = [("ms", 0.001), ("s", 1), ("m", 60), ("h", 3600)];

    /// <summary>Reads <c>500ms</c>, <c>30s</c>, <c>2m</c>, <c>1.5h</c> or bare seconds; above 0, at most a week.</summary>
    internal static bool TryParse(string text, out TimeSpan duration)
    {
        var (unit, factor) = Units.FirstOrDefault(u => text.EndsWith(u.Unit, StringComparison.Ordinal), ("", 1));
        var number = text[..^unit.Length];
        duration = default;
        if (!double.TryParse(number, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var value))
        {
            return false;
        }

        var seconds = value * factor;
        // Not the other way round: NaN is neither below nor above.
        if (seconds is not (>= 0.001 and <= 604_800))
        {
            return false;
        }

        duration = TimeSpan.FromSeconds(seconds);
        return true;
    }

    /// <summary>As kubectl tells ages: <c>45s</c>, <c>12m</c>, <c>3h</c>, <c>2d</c>.</summary>
    internal static string Age(TimeSpan age) => age.TotalSeconds switch
    {
        < 0 => "0s",
        < 120 => $"{(long)age.TotalSeconds}s",
        < 7200 => $"{(long)age.TotalMinutes}m",
        < 172_800 => $"{(long)age.TotalHours}h",
        _ => $"{(long)age.TotalDays}d",
    };

    /// <summary>A moment in UTC, to the millisecond.</summary>
    internal static string Moment(DateTimeOffset at) => at.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", CultureInfo.InvariantCulture);

    /// <summary><c>30 s</c>, <c>1.5 s</c>, <c>250 ms</c>.</summary>
    internal static string Exact(TimeSpan time) => time < TimeSpan.FromSeconds(1)
        ? FormattableString.Invariant($"{time.TotalMilliseconds:0.#} ms")
        : FormattableString.Invariant($"{time.TotalSeconds:0.#} s");
}
