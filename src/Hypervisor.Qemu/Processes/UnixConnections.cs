using System.Globalization;

namespace VmCacheCluster.Hypervisor.Qemu.Processes;

/// <summary>Which Unix sockets of this network namespace somebody is connected to, at one moment.</summary>
public sealed class UnixConnections
{
    private const string Table = "/proc/net/unix";
    private const int Flags = 3, State = 5, Name = 7;

    /// <summary>__SO_ACCEPTCON of the kernel.</summary>
    private const int Accepts = 0x10000;

    /// <summary>SS_CONNECTED of the kernel; a socket that listens is SS_UNCONNECTED.</summary>
    private const int Connected = 3;

    private readonly HashSet<string> _names;

    private UnixConnections(HashSet<string> names) => _names = names;

    /// <summary>Reads the kernel's table, which takes about a millisecond for a thousand sockets. Null: it cannot be read.</summary>
    public static UnixConnections? Read()
    {
        try
        {
            return Parse(File.ReadLines(Table));
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    /// <summary>The side that accepted a connection has the name of the socket that listened; the other side has none.</summary>
    internal static UnixConnections Parse(IEnumerable<string> lines)
    {
        var names = new HashSet<string>(StringComparer.Ordinal);
        foreach (var line in lines)
        {
            // Num RefCount Protocol Flags Type St Inode Path: a path may hold blanks.
            var fields = line.Split(' ', Name + 1, StringSplitOptions.RemoveEmptyEntries);
            if (fields.Length > Name && int.TryParse(fields[State], NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var state) && state == Connected)
                names.Add(fields[Name]);
        }

        return new UnixConnections(names);
    }

    /// <summary>
    /// Whether somebody listens on the socket: its file is there a moment earlier. Where the table cannot be read the file alone counts.
    /// </summary>
    public static bool Listens(string path)
    {
        if (!File.Exists(path)) return false;
        try
        {
            return IsListening(File.ReadLines(Table), path);
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            return true;
        }
    }

    internal static bool IsListening(IEnumerable<string> lines, string path) => lines.Any(line =>
        line.Split(' ', Name + 1, StringSplitOptions.RemoveEmptyEntries) is { Length: > Name } fields && fields[Name] == path
        && int.TryParse(fields[Flags], NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var flags)
        && (flags & Accepts) != 0);

    public bool Any(params ReadOnlySpan<string> paths)
    {
        foreach (var path in paths)
            if (_names.Contains(path)) return true;
        return false;
    }
}
