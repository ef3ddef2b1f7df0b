using System.Collections.Frozen;
using System.Globalization;
using System.Text;
using System.Text.Unicode;
using VmCacheCluster.Domain;

namespace VmCacheCluster.Hypervisor.Qemu.Records;

/// <summary>
/// The form of a VM's state file: one line of fixed length, so that one small write replaces it whole, with a checksum,
/// so that a torn or damaged one is noticed, padded with spaces:
/// <c>vmcache-state 2 reserved kata warm BOOT-ID TICKS EXPIRES GUEST-CPU CHECKSUM</c>. The times are in ticks of 100 ns;
/// EXPIRES is of the same boot of the host, or "-". Version 1 ended after TICKS.
/// </summary>
internal static class StateText
{
    public const int Bytes = 192;
    private const int BytesOfVersion1 = 160;
    private const string Magic = "vmcache-state";
    private const string None = "-";

    /// <summary>No time since a boot is longer, and it can be added to any other.</summary>
    private static readonly TimeSpan Longest = TimeSpan.FromDays(400 * 366);
    private static readonly uint[] CrcTable = MakeCrcTable();

    /// <summary>Fills <paramref name="line"/>, of <see cref="Bytes"/> bytes. A hand-out waits for this.</summary>
    public static void Format(VmMark mark, Span<byte> line)
    {
        line.Fill((byte)' ');
        line[^1] = (byte)'\n';
        Utf8.TryWrite(line, CultureInfo.InvariantCulture,
            $"{Magic} 2 {Name(mark.Ownership)} {Name(mark.Path)} {Name(mark.Served)} {mark.Since.BootId:D} {mark.Since.SinceBoot.Ticks} {Expiry(mark)} {mark.GuestCpu.Ticks}",
            out var length);
        Utf8.TryWrite(line[length..], CultureInfo.InvariantCulture, $" {Checksum(line[..length]):x8}", out _);
    }

    /// <summary>The mark, or null and what is wrong.</summary>
    public static (VmMark? Mark, string? Problem) Parse(ReadOnlySpan<byte> contents)
    {
        var words = Encoding.ASCII.GetString(contents).TrimEnd(' ', '\n').Split(' ');
        if (words.Length < 2 || words[0] != Magic) return (null, "it is no state record");
        var (bytes, count) = words[1] switch { "1" => (BytesOfVersion1, 8), "2" => (Bytes, 10), _ => (0, 0) };
        if (bytes == 0) return (null, $"it is of version {words[1]}, and this daemon reads versions 1 and 2");
        if (contents.Length != bytes) return (null, $"it has {contents.Length} bytes instead of {bytes}");
        if (words.Length != count || words[^1] != Checksum(Encoding.ASCII.GetBytes(string.Join(' ', words[..^1]))).ToString("x8", CultureInfo.InvariantCulture))
            return (null, "its checksum is wrong");
        var mark = Value<VmOwnership>(words[2]) is { } ownership && Value<HandOutPath>(words[3]) is { } path
            && Value<Served>(words[4]) is { } served && Guid.TryParseExact(words[5], "D", out var boot) && Ticks(words[6]) is { } since
            ? new VmMark(ownership, path, served, new HostTime(boot, since))
            : null;
        if (mark is not null && count == 10) mark = WithTimes(mark, words[7], words[8]);
        return mark is null ? (null, "it holds a word that this daemon does not know") : (mark, null);
    }

    private static VmMark? WithTimes(VmMark mark, string expires, string guestCpu)
    {
        if (Ticks(guestCpu) is not { } cpu) return null;
        if (expires == None) return mark with { GuestCpu = cpu };
        return Ticks(expires) is { } end ? mark with { GuestCpu = cpu, Expires = mark.Since with { SinceBoot = end } } : null;
    }

    private static string Expiry(VmMark mark) => mark.Expires switch
    {
        null => None,
        { } end when end.BootId == mark.Since.BootId => end.SinceBoot.Ticks.ToString(CultureInfo.InvariantCulture),
        _ => throw new ArgumentException("a mark's times are all of one boot of the host", nameof(mark)),
    };

    private static TimeSpan? Ticks(string word) =>
        long.TryParse(word, NumberStyles.None, CultureInfo.InvariantCulture, out var ticks) && ticks <= Longest.Ticks ? new TimeSpan(ticks) : null;

    private static string Name<T>(T value) where T : struct, Enum => Words<T>.Names.TryGetValue(value, out var name)
        ? name
        : throw new ArgumentOutOfRangeException(nameof(value), value, "no such " + typeof(T).Name);

    private static T? Value<T>(string word) where T : struct, Enum
    {
        foreach (var (value, name) in Words<T>.Names)
            if (name == word) return value;
        return null;
    }

    /// <summary>CRC-32 (IEEE 802.3).</summary>
    private static uint Checksum(ReadOnlySpan<byte> text)
    {
        var crc = uint.MaxValue;
        foreach (var b in text) crc = crc >> 8 ^ CrcTable[(byte)(crc ^ b)];
        return ~crc;
    }

    private static uint[] MakeCrcTable()
    {
        var table = new uint[256];
        for (uint index = 0; index < table.Length; index++)
        {
            var crc = index;
            for (var bit = 0; bit < 8; bit++) crc = (crc & 1) != 0 ? crc >> 1 ^ 0xEDB88320 : crc >> 1;
            table[index] = crc;
        }
        return table;
    }

    private static class Words<T> where T : struct, Enum
    {
        public static readonly FrozenDictionary<T, string> Names =
            Enum.GetValues<T>().ToFrozenDictionary(static value => value, static value => value.ToString().ToLowerInvariant());
    }
}
