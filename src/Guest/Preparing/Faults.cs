using System.Text;
using VmCacheCluster.Agent;

namespace VmCacheCluster.Guest.Preparing;

/// <summary>Refusals of a request, which name what is wrong in it.</summary>
internal static class Faults
{
    private const int Shown = 100;

    public static TtrpcStatusException Invalid(string message) => new(TtrpcStatusCode.InvalidArgument, message);

    /// <summary>A text of the caller's in quotes, without its control characters and without its length.</summary>
    public static string Quote(string text)
    {
        var shown = new StringBuilder("'");
        foreach (var rune in text.EnumerateRunes().Take(Shown)) shown.Append(Rune.IsControl(rune) ? "?" : rune.ToString());
        if (text.Length > Shown) shown.Append("...");
        return shown.Append('\'').ToString();
    }
}
