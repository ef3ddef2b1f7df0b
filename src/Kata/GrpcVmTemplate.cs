using System.Collections.Concurrent;
using System.Text;
using System.Text.Json;
using VmCacheCluster.Domain;

namespace VmCacheCluster.Kata;

/// <summary>
/// GrpcVM.hypervisor of VMs that are alike: rendered once, then only the id and the path of the monitor change. A hand-out
/// waits for this.
/// </summary>
internal sealed class GrpcVmTemplate
{
    // Neither can be in a state's JSON otherwise: its strings are escaped.
    private const string Id = "\"<id>\"", Path = "\"<path>\"";

    private static readonly ConcurrentDictionary<(int Cpus, int MaxCpus), GrpcVmTemplate> Known = new();

    private readonly (byte[] Text, string Next)[] _parts;

    private GrpcVmTemplate(string json)
    {
        var parts = new List<(byte[], string)>();
        while (true)
        {
            var (id, path) = (json.IndexOf(Id, StringComparison.Ordinal), json.IndexOf(Path, StringComparison.Ordinal));
            var at = id < 0 || (path >= 0 && path < id) ? path : id;
            if (at < 0) break;
            var next = at == id ? Id : Path;
            parts.Add((Encoding.UTF8.GetBytes(json[..at]), next));
            json = json[(at + next.Length)..];
        }

        parts.Add((Encoding.UTF8.GetBytes(json), ""));
        _parts = [.. parts];
    }

    /// <param name="render">The state of such a VM with the given id and path.</param>
    public static GrpcVmTemplate Of(VmSpec spec, Func<string, string, KataHypervisorState> render)
        => Known.TryGetValue((spec.Cpus, spec.MaxCpus), out var known) ? known : Known.GetOrAdd((spec.Cpus, spec.MaxCpus), _ => Render(render));

    public byte[] Fill(string id, string path)
    {
        var (idText, pathText) = (Quoted(id), Quoted(path));
        var length = 0;
        foreach (var (text, next) in _parts) length += text.Length + Value(next).Length;
        var filled = new byte[length];
        var at = 0;
        foreach (var (text, next) in _parts)
        {
            text.CopyTo(filled, at);
            Value(next).CopyTo(filled, at + text.Length);
            at += text.Length + Value(next).Length;
        }

        return filled;

        byte[] Value(string next) => next == Id ? idText : next == Path ? pathText : [];
    }

    private static byte[] Quoted(string text)
    {
        var encoded = JsonEncodedText.Encode(text, GoJsonEncoder.Instance).EncodedUtf8Bytes;
        var quoted = new byte[encoded.Length + 2];
        quoted[0] = quoted[^1] = (byte)'"';
        encoded.CopyTo(quoted.AsSpan(1));
        return quoted;
    }

    private static GrpcVmTemplate Render(Func<string, string, KataHypervisorState> render)
    {
        // Go escapes "<" and ">": what is searched for is put in unescaped afterwards.
        var state = Encoding.UTF8.GetString(render("<id>", "<path>").ToJson());
        return new GrpcVmTemplate(state
            .Replace(@"""\u003cid\u003e""", Id, StringComparison.Ordinal)
            .Replace(@"""\u003cpath\u003e""", Path, StringComparison.Ordinal));
    }
}
