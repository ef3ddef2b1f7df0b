using System.Text;

namespace VmCacheCluster.Guest.Preparing;

/// <summary>The path of a file that a host may ask for.</summary>
/// <param name="Text">Absolute, of plain parts.</param>
/// <param name="Directories">The directories above it, outermost first, without the root.</param>
internal sealed record GuestPath(string Text, IReadOnlyList<string> Directories)
{
    /// <summary>Stands beside a file that is being written, and takes its place when it is complete.</summary>
    public const string Draft = ".vmcache-prepare.tmp";

    private const int LongestPath = 4000, LongestPart = 255;

    private static readonly string[] Identity = ["/etc/machine-id", "/etc/hostname"];
    private static readonly string[] NoPlaces = ["/proc", "/sys", "/dev"];

    /// <param name="item">What the path belongs to, for the message.</param>
    /// <exception cref="VmCacheCluster.Agent.TtrpcStatusException">INVALID_ARGUMENT: no file may be there.</exception>
    public static GuestPath Parse(string text, string item)
    {
        var parts = text.Split('/');
        if (parts[0].Length > 0 || parts.Length < 2) throw Refuse("is not absolute");
        if (text.Contains('\0')) throw Refuse("holds a NUL character");
        if (Encoding.UTF8.GetByteCount(text) > LongestPath) throw Refuse($"is longer than {LongestPath} bytes");
        var directories = new string[parts.Length - 2];
        for (var (i, at) = (1, 0); i < parts.Length; i++)
        {
            if (parts[i] is "" or "." or "..") throw Refuse("has a part that is empty, '.' or '..'");
            if (Encoding.UTF8.GetByteCount(parts[i]) > LongestPart) throw Refuse($"has a part longer than {LongestPart} bytes");
            at += 1 + parts[i].Length;
            if (i <= directories.Length) directories[i - 1] = text[..at];
        }

        if (parts[^1] == Draft) throw Refuse("is a name that the guest uses itself");
        if (Identity.Contains(text)) throw Refuse("is written from machine_id and hostname");
        if (NoPlaces.Contains(directories.Length > 0 ? directories[0] : text)) throw Refuse("lies where the kernel has its own files");
        return new GuestPath(text, directories);

        VmCacheCluster.Agent.TtrpcStatusException Refuse(string why) => Faults.Invalid($"{item}: the path {Faults.Quote(text)} {why}");
    }
}
