using VmCacheCluster.Tests.TestSupport;
using System.Text.Json;
using VmCacheCluster.Kata.Configuration;

namespace VmCacheCluster.Tests.Unit.Kata.Configuration;

/// <summary>The host of a vector: its files are where the vectors' maker had put them.</summary>
internal sealed class VectorHost : IKataHost
{
    private const string Shared = "/opt/kata/share/kata-containers/";
    private const long MiB = 1024 * 1024;

    private readonly Dictionary<string, byte[]> _files = new(StringComparer.Ordinal);

    private VectorHost(int cpus, long memory, bool vsock) => (Cpus, MemoryMiB, HasVhostVsock) = (cpus, memory, vsock);

    public const string File = "/opt/kata/etc/kata-containers/configuration.toml";

    public int Cpus { get; }

    public long MemoryMiB { get; }

    public bool IsVm { get; private init; }

    public bool HasVhostVsock { get; }

    public IReadOnlyDictionary<int, string> NumaNodes { get; init; } = new Dictionary<int, string> { [0] = "0-3" };

    public static VectorHost Of(string name)
    {
        using var meta = JsonDocument.Parse(Vectors.Read($"vectors/{name}/meta.json"));
        var host = meta.RootElement.GetProperty("host");
        var read = new VectorHost(host.GetProperty("cpus").GetInt32(), host.GetProperty("memoryMiB").GetInt64(), host.GetProperty("vhostVsockPathChecked").GetString() == "/dev/null");
        foreach (var file in Vectors.FilesOf($"vectors/{name}"))
            if (file.EndsWith(".toml", StringComparison.Ordinal)) read._files["/opt/kata/etc/kata-containers/" + file] = Vectors.Read($"vectors/{name}/{file}");
        return read;
    }

    /// <summary>The same, as a VM or not.</summary>
    public static VectorHost Nested(bool nested, VectorHost host) => new(host.Cpus, host.MemoryMiB, host.HasVhostVsock) { IsVm = nested };

    public static VectorHost With(string toml, int cpus = 4, long memory = 8192, bool vsock = true)
    {
        var host = new VectorHost(cpus, memory, vsock);
        host._files[File] = System.Text.Encoding.UTF8.GetBytes(toml);
        return host;
    }

    public VectorHost And(string path, byte[] content)
    {
        _files[path] = content;
        return this;
    }

    public string? Resolve(string path) =>
        _files.ContainsKey(path) ? path
        : Path.GetFileName(path) is "nope.container" or "none" or "none.img" ? null
        : path.EndsWith("vmlinux.link", StringComparison.Ordinal) ? Shared + "vmlinux-6.1.62.container"
        : path.StartsWith("/opt/kata/", StringComparison.Ordinal) && path != File ? path : null;

    public long? SizeOf(string path) => Path.GetFileName(path) switch
    {
        "directory" => null,
        "empty.img" => 0,
        "big-initrd.img" or "big-image.img" => 600 * MiB,
        _ => 4096,
    };

    public byte[] Read(string path, int most) => _files[path][..Math.Min(most, _files[path].Length)];

    public IReadOnlyList<string> DropIns(string directory) =>
        [.. _files.Keys.Where(f => Path.GetDirectoryName(f) == directory).Order(StringComparer.Ordinal)];
}
