using System.Globalization;

namespace VmCacheCluster.Domain;

/// <summary>The users that VMs run as, one each, by number; their groups have the same numbers.</summary>
public readonly record struct UserRange(uint First, uint Last)
{
    /// <summary>Numbers that systemd's table of users leaves to nobody (1879048192 to 2147483647).</summary>
    public static readonly UserRange Default = new(2_100_000_000, 2_100_065_535);

    public int Count => (int)Math.Min(Last - First + 1L, int.MaxValue);

    public bool Contains(uint user) => user >= First && user <= Last;

    /// <param name="text">Such as 2100000000-2100065535.</param>
    /// <param name="fault">What is wrong with it.</param>
    public static bool TryParse(string text, out UserRange range, out string fault)
    {
        (range, fault) = (default, "");
        var parts = text.Split('-', StringSplitOptions.TrimEntries);
        if (parts.Length != 2 || !Number(parts[0], out var first) || !Number(parts[1], out var last)) fault = "it is no range of user numbers";
        else if (last < first) fault = $"its end, {last}, is before its beginning";
        // The last number but one of 32 bits is no user's: to the kernel it means "as it is".
        else if (first == 0 || last >= uint.MaxValue) fault = $"user {(first == 0 ? 0 : uint.MaxValue)} is no user of a VM";
        else range = new UserRange(first, last);
        return fault.Length == 0;
    }

    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{First}-{Last}");

    private static bool Number(string text, out uint number) => uint.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out number);
}
