using System.Collections.Concurrent;
using System.Text;
using System.Text.Json;
using VmCacheCluster.Domain;

namespace VmCacheCluster.Kata;

/// <summary>
/// GrpcVM.hypervisor of VMs that are alike: rendered once, then only the id and the paths of monitor and agent change. A hand-out
/// waits for this.
/// </summary>
internal sealed class GrpcVmTemplate
{
    // Neither can be in a state's JSON otherwise: its strings are escaped.
    private const string Id = "\"<id>\"", Path = "\"<path>\"", Agent = "\"unix://<agent>\"";
    private static readonly string[] Places = [Id, Path, Agent];

    private static readonly ConcurrentDictionary<(int Cpus, int MaxCpus, KataShape? Shape, KataTarget Target), GrpcVmTemplate> Known
        = new();

    private readonly (byte[] Text, string Next)[] _parts;

    private GrpcVmTemplate(string json)
    {
        var parts = new List<(byte[], string)>();
        while (true)
        {
            var (at, next) = Places.Select(place => (At: json.IndexOf(place, StringComparison.Ordinal), Place: place)).Where(p => p.At >= 0).DefaultIfEmpty((-1, "")).Min();
            if (at < 0) break;
            parts.Add((Encoding.UTF8.GetBytes(json[..at]), next));
            json = json[(at + next.Length)..];
        }

        parts.Add((Encoding.UTF8.GetBytes(json), ""));
        _parts = [.. parts];
    }

    /// <param name="spec">The VMs.</param>
    /// <param name="target">The clients that it is for.</param>
    /// <param name="render">The JSON of such a VM with the given id, monitor and agent.</param>
    public static GrpcVmTemplate Of(VmSpec spec, KataTarget target, Func<string, string, string, byte[]> render)
    {
        var key = (spec.Cpus, spec.MaxCpus, spec.Kata, target);
        return Known.TryGetValue(key, out var known) ? known : Known.GetOrAdd(key, _ => Render(render));
    }

    public byte[] Fill(string id, string path, string agent)
    {
        var (idText, pathText, agentText) = (Quoted(id), Quoted(path), Quoted("unix://" + agent));
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

        byte[] Value(string next) => next == Id ? idText : next == Path ? pathText : next == Agent ? agentText : [];
    }

    private static byte[] Quoted(string text)
    {
        var encoded = JsonEncodedText.Encode(text, GoJsonEncoder.Instance).EncodedUtf8Bytes;
        var quoted = new byte[encoded.Length + 2];
        quoted[0] = quoted[^1] = (byte)'"';
        encoded.CopyTo(quoted.AsSpan(1));
        return quoted;
    }

    private static GrpcVmTemplate Render(Func<string, string, string, byte[]> render)
    {
        // Go escapes "<" and ">": what is searched for is put in unescaped afterwards.
        var state = Encoding.UTF8.GetString(render("<id>", "<path>", "<agent>"));
        return new GrpcVmTemplate(state
            .Replace(@"""\u003cid\u003e""", Id, StringComparison.Ordinal)
            .Replace(@"""\u003cpath\u003e""", Path, StringComparison.Ordinal)
            .Replace(@"""unix://\u003cagent\u003e""", Agent, StringComparison.Ordinal));
    }
}
