using System.Collections.Concurrent;
using System.Globalization;
using System.Text;
using System.Text.Json;
using VmCacheCluster.Domain;

namespace VmCacheCluster.Kata;

/// <summary>In what GrpcVM.hypervisor differs between VMs that are alike.</summary>
/// <param name="AgentUrl">Where the agent is reached.</param>
/// <param name="ContextId">On the vsock bus; null: the VM is not on it.</param>
/// <param name="FileServer">The pid of virtiofsd; 0: the VM has none.</param>
internal sealed record GrpcVmValues(string Id, string Qmp, string AgentUrl, ulong? ContextId, int FileServer);

/// <summary>What VMs that are alike have in common.</summary>
/// <param name="Target">The clients of their pool.</param>
internal sealed record GrpcVmKind(int Cpus, int MaxCpus, KataShape? Shape, bool HasImage, bool OnVsock, KataTarget Target);

/// <summary>
/// GrpcVM.hypervisor of VMs that are alike: rendered once, then only the values are put in. A hand-out waits for this.
/// </summary>
internal sealed class GrpcVmTemplate
{
    // No VM has such values.
    private const int FileServer = int.MinValue;
    private const ulong ContextId = ulong.MaxValue;

    // Nobody can know them, so no setting can be like them.
    private static readonly string Id = Mark(), Qmp = Mark(), Agent = Mark();

    private static readonly (string Rendered, Func<GrpcVmValues, byte[]> Value)[] Places =
    [
        ($"\"{Id}\"", values => Quoted(values.Id)),
        ($"\"{Qmp}\"", values => Quoted(values.Qmp)),
        ($"\"{Agent}\"", values => Quoted(values.AgentUrl)),
        (ContextId.ToString(CultureInfo.InvariantCulture), values => Number(values.ContextId ?? 0)),
        (FileServer.ToString(CultureInfo.InvariantCulture), values => Number(values.FileServer)),
    ];

    private static readonly ConcurrentDictionary<GrpcVmKind, GrpcVmTemplate> Known = new();

    private readonly List<(byte[] Text, int Place)> _parts = [];
    private readonly byte[] _end;

    private GrpcVmTemplate(string json)
    {
        while (Next(json) is (>= 0, var place) next)
        {
            _parts.Add((Encoding.UTF8.GetBytes(json[..next.At]), place));
            json = json[(next.At + Places[place].Rendered.Length)..];
        }

        _end = Encoding.UTF8.GetBytes(json);
    }

    /// <param name="render">The JSON of such a VM with the given values.</param>
    public static GrpcVmTemplate Of(GrpcVmKind kind, Func<GrpcVmValues, byte[]> render) =>
        Known.TryGetValue(kind, out var known) ? known : Known.GetOrAdd(kind, Render(kind, render));

    public byte[] Fill(GrpcVmValues values)
    {
        var texts = Array.ConvertAll(Places, place => place.Value(values));
        var filled = new byte[_parts.Sum(part => part.Text.Length + texts[part.Place].Length) + _end.Length];
        var at = 0;
        foreach (var (text, place) in _parts)
        {
            text.CopyTo(filled, at);
            texts[place].CopyTo(filled, at + text.Length);
            at += text.Length + texts[place].Length;
        }

        _end.CopyTo(filled, at);
        return filled;
    }

    private static GrpcVmTemplate Render(GrpcVmKind kind, Func<GrpcVmValues, byte[]> render) => new(Encoding.UTF8.GetString(
        render(new GrpcVmValues(Id, Qmp, Agent, kind.OnVsock ? ContextId : null, FileServer))));

    private static (int At, int Place) Next(string json)
    {
        var next = (At: -1, Place: 0);
        for (var place = 0; place < Places.Length; place++)
        {
            var at = json.IndexOf(Places[place].Rendered, StringComparison.Ordinal);
            if (at >= 0 && (next.At < 0 || at < next.At)) next = (at, place);
        }

        return next;
    }

    private static string Mark() => Guid.NewGuid().ToString();

    private static byte[] Number(ulong number) => Encoding.UTF8.GetBytes(number.ToString(CultureInfo.InvariantCulture));

    private static byte[] Number(int number) => Encoding.UTF8.GetBytes(number.ToString(CultureInfo.InvariantCulture));

    private static byte[] Quoted(string text)
    {
        var encoded = JsonEncodedText.Encode(text, GoJsonEncoder.Instance).EncodedUtf8Bytes;
        var quoted = new byte[encoded.Length + 2];
        quoted[0] = quoted[^1] = (byte)'"';
        encoded.CopyTo(quoted.AsSpan(1));
        return quoted;
    }
}
