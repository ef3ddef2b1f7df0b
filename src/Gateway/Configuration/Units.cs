using System.Globalization;

namespace VmCacheCluster.Gateway.Configuration;

/// <summary>Times and sizes as HOCON writes them.</summary>
internal static class Units
{
    private static readonly Dictionary<string, double> Seconds = new()
    {
        ["ms"] = 0.001, ["millis"] = 0.001, ["milliseconds"] = 0.001,
        ["s"] = 1, ["second"] = 1, ["seconds"] = 1,
        ["m"] = 60, ["minute"] = 60, ["minutes"] = 60,
        ["h"] = 3600, ["hour"] = 3600, ["hours"] = 3600,
        ["d"] = 86400, ["day"] = 86400, ["days"] = 86400,
    };

    private static readonly Dictionary<string, double> Bytes = new()
    {
        [""] = 1, ["B"] = 1, ["b"] = 1,
        ["K"] = 1L << 10, ["k"] = 1L << 10, ["Ki"] = 1L << 10, ["KiB"] = 1L << 10, ["kB"] = 1e3,
        ["M"] = 1L << 20, ["m"] = 1L << 20, ["Mi"] = 1L << 20, ["MiB"] = 1L << 20, ["MB"] = 1e6,
        ["G"] = 1L << 30, ["g"] = 1L << 30, ["Gi"] = 1L << 30, ["GiB"] = 1L << 30, ["GB"] = 1e9,
        ["T"] = 1L << 40, ["t"] = 1L << 40, ["Ti"] = 1L << 40, ["TiB"] = 1L << 40, ["TB"] = 1e12,
    };

    /// <summary>A time with its unit; a bare number is refused, since HOCON would take it for milliseconds.</summary>
    public static bool TryTime(string text, out TimeSpan time)
    {
        time = default;
        if (!TrySplit(text, Seconds, out var value) || Math.Abs(value) > TimeSpan.FromDays(3650).TotalSeconds) return false;
        time = TimeSpan.FromSeconds(value);
        return true;
    }

    /// <summary>Whole MiB.</summary>
    public static bool TryMiB(string text, out long mib)
    {
        mib = 0;
        if (!TrySplit(text, Bytes, out var bytes) || bytes % (1 << 20) != 0 || Math.Abs(bytes) > 1L << 52) return false;
        mib = (long)bytes >> 20;
        return true;
    }

    /// <summary>A share such as 5%, from 0 to 1.</summary>
    public static bool TryShare(string text, out double share)
    {
        share = 0;
        if (!text.EndsWith('%') || !double.TryParse(text.AsSpan()[..^1].TrimEnd(), NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var percent)) return false;
        share = percent / 100;
        return share <= 1;
    }

    private static bool TrySplit(string text, Dictionary<string, double> units, out double value)
    {
        var trimmed = text.Trim();
        var end = trimmed.Length;
        while (end > 0 && char.IsAsciiLetter(trimmed[end - 1])) end--;
        value = 0;
        if (!units.TryGetValue(trimmed[end..], out var factor)) return false;
        var ok = double.TryParse(
            trimmed[..end].TrimEnd(), NumberStyles.AllowDecimalPoint | NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture,
            out var number);
        value = number * factor;
        return ok;
    }
}
