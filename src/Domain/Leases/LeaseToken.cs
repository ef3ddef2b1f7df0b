using System.Runtime.InteropServices;
using System.Security.Cryptography;

namespace VmCacheCluster.Domain;

/// <summary>
/// Proves that its bearer holds a lease, and fences off whoever held it before: 128 random bits as 32 lower-case
/// hexadecimal digits. Opaque to clients. Every lease has its own, so an old one fits no lease that came later.
/// </summary>
public readonly record struct LeaseToken
{
    private const int Digits = 32;

    private LeaseToken(string value) => Value = value;

    public string Value { get; }

    public static LeaseToken New() => new(Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(Digits / 2)));

    public static bool TryParse(string text, out LeaseToken token)
    {
        token = new LeaseToken(text);
        return text.Length == Digits && text.All(char.IsAsciiHexDigitLower);
    }

    /// <summary>In a time that does not tell how much of a guess is right.</summary>
    public bool Equals(LeaseToken other)
        => CryptographicOperations.FixedTimeEquals(MemoryMarshal.AsBytes(Value.AsSpan()), MemoryMarshal.AsBytes(other.Value.AsSpan()));

    public override int GetHashCode() => Value?.GetHashCode(StringComparison.Ordinal) ?? 0;

    /// <summary>Never the token itself: this ends up in logs.</summary>
    public override string ToString() => "lease token";
}
