using System.Globalization;
using System.Text;
using VmCacheCluster.Domain;

namespace VmCacheCluster.Hypervisor.Qemu.Records;

/// <summary>
/// The form of a VM's state file: one line of fixed length, so that one small write replaces it whole, with a checksum,
/// so that a torn or damaged one is noticed:
/// <c>vmcache-state 1 reserved kata warm BOOT-ID TICKS CHECKSUM</c>, padded with spaces.
/// </summary>
internal static class StateText
{
    public const int Bytes = 160;
    private const string Magic = "vmcache-state";
    private const int CurrentVersion = 1;

    public static byte[] Format(VmMark mark)
    {
        var text = string.Create(CultureInfo.InvariantCulture,
            $"{Magic} {CurrentVersion} {Name(mark.Ownership)} {Name(mark.Path)} {Name(mark.Served)} {mark.Since.BootId:D} {mark.Since.SinceBoot.Ticks}");
        var line = $"{text} {Checksum(text):x8}".PadRight(Bytes - 1) + "\n";
        return Encoding.ASCII.GetBytes(line);
    }

    /// <summary>The mark, or null and what is wrong.</summary>
    public static (VmMark? Mark, string? Problem) Parse(ReadOnlySpan<byte> contents)
    {
        var words = Encoding.ASCII.GetString(contents).TrimEnd(' ', '\n').Split(' ');
        if (words.Length < 2 || words[0] != Magic) return (null, "it is no state record");
        if (words[1] != CurrentVersion.ToString(CultureInfo.InvariantCulture))
            return (null, $"it is of version {words[1]}, and this daemon reads version {CurrentVersion}");
        if (contents.Length != Bytes) return (null, $"it has {contents.Length} bytes instead of {Bytes}");
        if (words.Length != 8 || words[7] != Checksum(string.Join(' ', words[..7])).ToString("x8", CultureInfo.InvariantCulture))
            return (null, "its checksum is wrong");
        return Value<VmOwnership>(words[2]) is { } ownership && Value<HandOutPath>(words[3]) is { } path
            && Value<Served>(words[4]) is { } served && Guid.TryParseExact(words[5], "D", out var boot)
            && long.TryParse(words[6], NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var ticks)
            ? (new VmMark(ownership, path, served, new HostTime(boot, new TimeSpan(ticks))), null)
            : (null, "it holds a word that this daemon does not know");
    }

    private static string Name<T>(T value) where T : struct, Enum => Enum.IsDefined(value)
        ? value.ToString().ToLowerInvariant()
        : throw new ArgumentOutOfRangeException(nameof(value), value, "no such " + typeof(T).Name);

    private static T? Value<T>(string word) where T : struct, Enum
    {
        foreach (var value in Enum.GetValues<T>())
            if (value.ToString().ToLowerInvariant() == word) return value;
        return null;
    }

    /// <summary>CRC-32 (IEEE 802.3).</summary>
    private static uint Checksum(string text)
    {
        var crc = uint.MaxValue;
        foreach (var c in text)
        {
            crc ^= (byte)c;
            for (var bit = 0; bit < 8; bit++) crc = (crc & 1) != 0 ? crc >> 1 ^ 0xEDB88320 : crc >> 1;
        }
        return ~crc;
    }
}
