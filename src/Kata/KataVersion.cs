using System.Text.RegularExpressions;

namespace VmCacheCluster.Kata;

/// <summary>A version of Kata as users write it: 3, 3.5, 3.5.0 or v3.5.0; or auto.</summary>
public static partial class KataVersion
{
    public const string Auto = "auto";

    /// <summary>What may be given, in words.</summary>
    public const string Choices = "auto (3.x and 4.x), 1.13, 2.5, 3.5 or 4.1, also as 3, 3.5.0 or v3.5.0; 3.6 to 4.0 are as 4.1";

    /// <param name="text">As given.</param>
    /// <returns>Null: there is no such version, or none that is told apart here.</returns>
    public static KataTarget? Parse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        if (text == Auto) return KataTarget.Union;
        if (Shape().Match(text) is not { Success: true } match) return null;
        return (Number(match.Groups[1]), match.Groups[2].Success ? Number(match.Groups[2]) : (int?)null) switch
        {
            (1, null or 13) => KataTarget.Kata113,
            (2, null or 5) => KataTarget.Kata25,
            (3, null or 5) => KataTarget.Kata35,
            (3, > 5) or (4, null or 0 or 1) => KataTarget.Kata41,
            _ => null,
        };
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

    [GeneratedRegex(@"^v?([0-9]{1,4})(?:\.([0-9]{1,4})(?:\.[0-9]{1,4})?)?\z")]
    private static partial Regex Shape();
}
