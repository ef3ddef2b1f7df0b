using System.Text;

namespace VmCacheCluster.Hypervisor.Qemu.Files;

/// <summary>Names as Linux has them: bytes of any encoding, ended by a NUL.</summary>
internal static class FileNames
{
    public static byte[] Of(string text) => [.. Encoding.UTF8.GetBytes(text), 0];

    /// <param name="bytes">Without a NUL.</param>
    public static byte[] Of(ReadOnlySpan<byte> bytes) => [.. bytes, 0];

    /// <summary>The path of a name in a directory, neither with a NUL.</summary>
    public static byte[] Join(ReadOnlySpan<byte> directory, ReadOnlySpan<byte> name) => [.. directory, (byte)'/', .. name];

    public static ReadOnlySpan<byte> Bytes(byte[] name) => name.AsSpan(0, name.Length - 1);

    /// <summary>One line that says which file it is and can be given to a shell; the end of one that is very long.</summary>
    public static string Text(ReadOnlySpan<byte> path)
    {
        const int most = 1024;
        if (path.Length > most) return $"...{Text(path[^most..])}";
        var plain = true;
        var quoted = new StringBuilder("$'");
        foreach (var b in path)
        {
            plain &= char.IsAsciiLetterOrDigit((char)b) || "/._-+:@%,=".Contains((char)b, StringComparison.Ordinal);
            if (b is (byte)'\'' or (byte)'\\') quoted.Append('\\').Append((char)b);
            else if (b is >= (byte)' ' and <= (byte)'~') quoted.Append((char)b);
            else quoted.Append('\\').Append(Convert.ToString(b, 8).PadLeft(3, '0'));
        }

        return plain ? Encoding.ASCII.GetString(path) : quoted.Append('\'').ToString();
    }
}
