namespace VmCacheCluster.Gateway.Services;

/// <summary>Everything that is wrong with a request, so that its caller is told at once. Bounded: a request can be wrong
/// in thousands of places, and the answer has to fit into a trailer.</summary>
public sealed class RequestFaults
{
    /// <summary>How many are named; the others are counted.</summary>
    public const int MostNamed = 20;

    private const int LongestQuote = 64;

    private readonly List<RequestFault> _named = [];
    private int _count;

    public bool Any => _count > 0;

    public IReadOnlyList<RequestFault> Named => _named;

    public int Unnamed => _count - _named.Count;

    /// <param name="field">The field's path in the request, such as <c>late_binding.files[2].path</c>.</param>
    /// <param name="description">What it must be, and what it is.</param>
    public void Add(string field, string description)
    {
        _count++;
        if (_named.Count < MostNamed) _named.Add(new RequestFault(field, description));
    }

    public override string ToString()
        => string.Join("; ", _named.Select(f => $"{f.Field}: {f.Description}")) + (Unnamed > 0 ? $"; and {Unnamed} more" : "");

    /// <summary>A caller's text as an error may repeat it: short, and nothing in it that a terminal obeys.</summary>
    public static string Quote(string text)
    {
        var shown = text.Length > LongestQuote ? text[..LongestQuote] + "..." : text;
        return $"'{string.Concat(shown.Select(c => char.IsControl(c) || char.IsSurrogate(c) ? '?' : c))}'";
    }
}

public sealed record RequestFault(string Field, string Description);
