using System.Security.Cryptography;
using System.Text;

namespace VmCacheCluster.Domain;

/// <summary>A host's name in its cluster: 1 to 63 of a-z, 0-9, '-' and '.', beginning with a letter or digit.</summary>
public readonly record struct NodeName(string Value)
{
    public static bool TryParse(string? text, out NodeName name)
    {
        var ok = text is { Length: > 0 and <= 63 } && char.IsAsciiLetterOrDigit(text[0])
            && text.All(c => c is >= 'a' and <= 'z' or >= '0' and <= '9' or '-' or '.');
        name = ok ? new NodeName(text!) : default;
        return ok;
    }

    /// <summary>What the ids of this host's VMs begin with: 8 lower-case hexadecimal digits. Two names seldom have the same.</summary>
    public string Tag => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(Value)).AsSpan(0, 4));

    public override string ToString() => Value;
}
