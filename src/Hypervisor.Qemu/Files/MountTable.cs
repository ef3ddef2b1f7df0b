using System.Buffers.Text;

namespace VmCacheCluster.Hypervisor.Qemu.Files;

/// <param name="Parent">The number of the mount that it is mounted on.</param>
/// <param name="Path">Its mount point, in bytes.</param>
internal sealed record MountPoint(ulong Id, ulong Parent, byte[] Path);

/// <summary>The mounts of this process's namespace. One that comes or goes while they are read may be missing.</summary>
internal static class MountTable
{
    private const string File = "/proc/self/mountinfo";

    /// <exception cref="IOException">It cannot be read.</exception>
    public static IReadOnlyList<MountPoint> Read() => Parse(System.IO.File.ReadAllBytes(File));

    /// <summary>proc_pid_mountinfo(5): number, parent's number, device, root, mount point, and more that is of no interest.</summary>
    internal static IReadOnlyList<MountPoint> Parse(ReadOnlySpan<byte> text)
    {
        const int id = 0, parent = 1, point = 4;
        var mounts = new List<MountPoint>();
        var fields = new Range[point + 2];
        foreach (var span in text.Split((byte)'\n'))
        {
            var line = text[span];
            if (line.IsEmpty) continue;
            var (count, start) = (0, 0);
            for (var i = 0; i <= line.Length && count < fields.Length; i++)
                if (i == line.Length || line[i] == ' ') (fields[count++], start) = (start..i, i + 1);
            if (count <= point || !Utf8Parser.TryParse(line[fields[id]], out ulong number, out _)
                || !Utf8Parser.TryParse(line[fields[parent]], out ulong below, out _))
                throw new IOException($"{File} has a line that cannot be read");
            mounts.Add(new MountPoint(number, below, Plain(line[fields[point]])));
        }

        return mounts;
    }

    /// <summary>Space, tab, line feed and backslash are written as three octal digits.</summary>
    private static byte[] Plain(ReadOnlySpan<byte> escaped)
    {
        var plain = new List<byte>(escaped.Length);
        for (var i = 0; i < escaped.Length; i++)
        {
            if (escaped[i] == '\\' && i + 3 < escaped.Length && Octal(escaped[i + 1]) && Octal(escaped[i + 2]) && Octal(escaped[i + 3]))
            {
                plain.Add((byte)(((escaped[i + 1] - '0') << 6) | ((escaped[i + 2] - '0') << 3) | (escaped[i + 3] - '0')));
                i += 3;
            }
            else plain.Add(escaped[i]);
        }

        return [.. plain];
    }

    private static bool Octal(byte b) => b is >= (byte)'0' and <= (byte)'7';
}
