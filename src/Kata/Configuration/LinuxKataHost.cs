using System.Globalization;
using System.Runtime.InteropServices;
using VmCacheCluster.Domain;
using VmCacheCluster.Kata.Files;

namespace VmCacheCluster.Kata.Configuration;

/// <summary>This host, as Kata's runtime sees it.</summary>
public sealed partial class LinuxKataHost : IKataHost
{
    /// <inheritdoc/>
    public int Cpus { get; } = File.ReadLines("/proc/cpuinfo").Count(line => line.StartsWith("processor", StringComparison.Ordinal));

    /// <inheritdoc/>
    public long MemoryMiB { get; } = long.Parse(
        File.ReadLines("/proc/meminfo").First(line => line.StartsWith("MemTotal:", StringComparison.Ordinal)).Split(' ', StringSplitOptions.RemoveEmptyEntries)[1],
        CultureInfo.InvariantCulture) / 1024;

    /// <inheritdoc/>
    public bool IsVm { get; } = File.ReadLines("/proc/cpuinfo").Any(line => line.StartsWith("flags", StringComparison.Ordinal) && line.Split(' ').Contains("hypervisor"));

    /// <inheritdoc/>
    public bool HasVhostVsock => Path.Exists(VsockAddress.HostDevice);

    /// <inheritdoc/>
    public string? Resolve(string path)
    {
        var resolved = RealPath(path, 0);
        if (resolved == 0) return null;
        try
        {
            return Marshal.PtrToStringUTF8(resolved);
        }
        finally
        {
            Free(resolved);
        }
    }

    /// <inheritdoc/>
    public long? SizeOf(string path) => new FileInfo(path) is { Exists: true } file ? file.Length : null;

    /// <inheritdoc/>
    public byte[] Read(string path, int most) => RegularFile.Begin(path, most);

    /// <inheritdoc/>
    public IReadOnlyList<string> DropIns(string directory)
    {
        if (File.Exists(directory)) throw new IOException("it is no directory");
        return Directory.Exists(directory) ? [.. Directory.GetFileSystemEntries(directory).Order(StringComparer.Ordinal)] : [];
    }

    /// <inheritdoc/>
    public IReadOnlyDictionary<int, string> NumaNodes { get; } = Nodes("/sys/devices/system/node");

    private static Dictionary<int, string> Nodes(string directory) => !Directory.Exists(directory) ? [] : Directory
        .GetDirectories(directory, "node*")
        .Select(node => (Number: Path.GetFileName(node)[4..], Cpus: Path.Combine(node, "cpulist")))
        .Where(node => int.TryParse(node.Number, NumberStyles.None, CultureInfo.InvariantCulture, out _) && File.Exists(node.Cpus))
        .ToDictionary(node => int.Parse(node.Number, CultureInfo.InvariantCulture), node => File.ReadAllText(node.Cpus).TrimEnd('\n'));

    [LibraryImport("libc", EntryPoint = "realpath", StringMarshalling = StringMarshalling.Utf8)]
    private static partial nint RealPath(string path, nint buffer);

    [LibraryImport("libc", EntryPoint = "free")]
    private static partial void Free(nint memory);
}
