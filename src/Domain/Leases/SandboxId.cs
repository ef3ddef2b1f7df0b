using System.Text.RegularExpressions;

namespace VmCacheCluster.Domain;

/// <summary>A runtime's name for its sandbox: 1 to 128 letters, digits, "_", "." and "-", the first a letter or digit. It
/// becomes a file name, so it can be no path.</summary>
public readonly partial record struct SandboxId
{
    public const string Form = "1 to 128 letters, digits, '_', '.' and '-', the first a letter or a digit";

    private SandboxId(string value) => Value = value;

    public string Value { get; }

    public static bool TryParse(string text, out SandboxId id)
    {
        id = new SandboxId(text);
        return Pattern().IsMatch(text);
    }

    public override string ToString() => Value;

    [GeneratedRegex(@"\A[A-Za-z0-9][A-Za-z0-9_.-]{0,127}\z")]
    private static partial Regex Pattern();
}
