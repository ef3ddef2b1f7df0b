using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text;
using VmCacheCluster.Domain;
using VmCacheCluster.Hypervisor.Qemu.CommandLine;
using VmCacheCluster.Hypervisor.Qemu.Records;

namespace VmCacheCluster.Hypervisor.Qemu.Templates;

/// <summary>
/// What shapes a template: the contents of QEMU, kernel, initrd and image, the command line, and the host's CPU. QEMU's firmware is in
/// the state that was saved; with one of another size the state does not load, and the template is made anew.
/// </summary>
internal sealed class TemplateKey
{
    /// <summary>Raised when templates are made or stored in another way.</summary>
    private const int Form = 2;

    private const uint AnyContext = 3;
    private static readonly VmId AnyId = new(Guid.Empty.ToString("D"));
    private static readonly VmPaths AnyPaths = QemuPaths.For("/run", "/client", AnyId);

    private readonly ConcurrentDictionary<string, (FileState State, string Digest)> _known = new();
    private readonly Lazy<string> _cpu = new(ReadCpu);

    /// <exception cref="IOException">A file cannot be read.</exception>
    /// <exception cref="UnauthorizedAccessException">A file may not be read.</exception>
    public TemplateDigest Of(VmSpec spec)
    {
        var text = new StringBuilder().Append(Form).Append('\n').Append(_cpu.Value).Append('\n');
        string?[] firmware = spec.Kata is { } shape ? [shape.Firmware.Length > 0 ? shape.Firmware : null, .. KataShape.Lines(shape.Flashes)] : [];
        foreach (var file in new[] { spec.Qemu, spec.Kernel, spec.Initrd, spec.Image }.Concat(firmware)) text.Append(file is null ? "" : DigestOf(file)).Append('\n');
        // The pool's name is in the command line, where it shapes nothing; so are the paths of files that count by their contents.
        var anonymous = spec with { Pool = PoolName.Default, Kernel = "", Initrd = spec.Initrd is null ? null : "", Image = spec.Image is null ? null : "" };
        var paths = spec.HasVsock ? AnyPaths with { Agent = VsockAddress.Of(AnyContext) } : AnyPaths;
        foreach (var argument in QemuCommandLine.Build(anonymous, paths, AnyId, VmSource.Template)) text.Append(argument).Append('\n');
        return new TemplateDigest(Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text.ToString()))));
    }

    /// <summary>Read once, until the file is another.</summary>
    private string DigestOf(string path)
    {
        var state = FileState.Of(path);
        if (_known.TryGetValue(path, out var known) && known.State == state) return known.Digest;
        using var file = File.OpenRead(path);
        var digest = Convert.ToHexStringLower(SHA256.HashData(file));
        _known[path] = (state, digest);
        return digest;
    }

    /// <summary>A guest that found features at its boot needs them for the rest of its life.</summary>
    private static string ReadCpu() => string.Join('\n', File.ReadLines("/proc/cpuinfo")
        .TakeWhile(line => line.Length > 0)
        .Where(line => line.StartsWith("model name", StringComparison.Ordinal) || line.StartsWith("flags", StringComparison.Ordinal)));
}
