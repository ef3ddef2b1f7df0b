using System.Text.RegularExpressions;

namespace VmCacheCluster.Kata;

/// <summary>A version of Kata that somebody has asked for.</summary>
/// <param name="Target">As which it is served and looked at.</param>
/// <param name="Limit">In what the two differ; empty: in nothing.</param>
public sealed record KataAsked(KataTarget Target, string Limit);

/// <summary>A version of Kata as users write it: 3, 3.5, 3.5.0 or v3.5.0; or auto.</summary>
public static partial class KataVersion
{
    public const string Auto = "auto";

    /// <summary>What may be given, in words.</summary>
    public const string Choices = "auto (3.5 and 4.1 from one answer), 1.6 to 1.13, 2.4 to 3.1 (as 2.5), 3.2 to 3.5, or 3.6 to 4.1 (as 4.1), "
        + "also as 3, 3.5.0 or v3.5.0";

    private const string Pod = "with Kubernetes this version compares the pod's name, too, and boots its own VM";

    private const string Keys = "it does not know all keys of 4.1, its tdx_quote_generation_service_socket_port is 4050 where the file sets none, and ";

    /// <param name="text">As given.</param>
    /// <returns>Null: there is no such version, or none that can be served.</returns>
    public static KataTarget? Parse(string text) => Ask(text)?.Target;

    /// <inheritdoc cref="Parse"/>
    public static KataAsked? Ask(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        text = text.Trim();
        if (text.Equals(Auto, StringComparison.OrdinalIgnoreCase)) return new KataAsked(KataTarget.Union, "");
        if (Shape().Match(text) is not { Success: true } match) return null;
        var (major, minor) = (Number(match.Groups[1]), match.Groups[2].Success ? Number(match.Groups[2]) : (int?)null);
        KataTarget? target = (major, minor) switch
        {
            (1, null or (>= 6 and <= 13)) => KataTarget.Kata113,
            (2, null or 4 or 5) or (3, 0 or 1) => KataTarget.Kata25,
            (3, null or (>= 2 and <= 5)) => KataTarget.Kata35,
            (3, > 5) or (4, null or 0 or 1) => KataTarget.Kata41,
            _ => null,
        };
        return target is { } known ? new KataAsked(known, Limit(major, minor, known)) : null;
    }

    private static string Limit(int major, int? minor, KataTarget target)
    {
        if (minor is null || (major, minor) is (1, 13) or (2, 5) or (3, 5) or (4, 1)) return "";
        var more = (major, minor) switch
        {
            (3, >= 6 and <= 21) => $": {Keys}{Pod}",
            (3, >= 22 and <= 31) => $": {Pod}",
            _ => "",
        };
        return $"Kata {major}.{minor} is looked at as {Name(target)}, and differs in what docs/kata.md says in its table of versions{more}";
    }

    /// <summary>As users read it.</summary>
    public static string Name(KataTarget target) => target switch
    {
        KataTarget.Kata113 => "1.13",
        KataTarget.Kata25 => "2.5",
        KataTarget.Kata35 => "3.5",
        KataTarget.Kata41 => "4.1",
        _ => Auto,
    };

    private static int Number(Group group) => int.Parse(group.Value, System.Globalization.CultureInfo.InvariantCulture);

    [GeneratedRegex(@"^v?([0-9]{1,4})(?:\.([0-9]{1,4})(?:\.[0-9]{1,4})?)?(?:-[0-9A-Za-z.]+)?\z", RegexOptions.IgnoreCase)]
    private static partial Regex Shape();
}
