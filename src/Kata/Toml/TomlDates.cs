using System.Globalization;
using System.Text.RegularExpressions;

namespace VmCacheCluster.Kata.Toml;

/// <summary>Dates, times and both.</summary>
internal static partial class TomlDates
{
    public static bool IsDate(string text, TomlDialect dialect)
    {
        if (Shape().Match(text) is not { Success: true } match) return false;
        var (date, time, seconds, zone) = (match.Groups["date"], match.Groups["time"], match.Groups["seconds"], match.Groups["zone"]);
        // A time of its own is younger than the old dialect, and one without seconds is of TOML 1.1.
        if (time.Success && !date.Success && dialect == TomlDialect.Old) return false;
        if (time.Success && !seconds.Success && dialect != TomlDialect.V11) return false;
        return (!date.Success || DateOnly.TryParseExact(date.Value, "yyyy-MM-dd", CultureInfo.InvariantCulture, DateTimeStyles.None, out _))
            && (!time.Success || IsTime(time.Value))
            && (!seconds.Success || string.CompareOrdinal(seconds.Value, "59") <= 0)
            && (zone.Length != 6 || IsTime(zone.Value[1..]));
    }

    private static bool IsTime(string text) =>
        TimeOnly.TryParseExact(text, "HH:mm", CultureInfo.InvariantCulture, DateTimeStyles.None, out _);

    [GeneratedRegex(
        @"^(?:(?<date>[0-9]{4}-[0-9]{2}-[0-9]{2})(?:[Tt ](?=.)|\z))?"
        + @"(?:(?<time>[0-9]{2}:[0-9]{2})(?::(?<seconds>[0-9]{2})(?:\.[0-9]+)?)?(?<zone>[Zz]|[+-][0-9]{2}:[0-9]{2})?)?\z")]
    private static partial Regex Shape();
}
