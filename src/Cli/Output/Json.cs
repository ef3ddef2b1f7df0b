using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;

namespace VmCacheCluster.Cli.Output;

internal static class Json
{
    internal static readonly JsonViews Views = new(Options(indented: true));

    /// <summary>For one object a line.</summary>
    internal static readonly JsonViews Lines = new(Options(indented: false));

    internal static string Text<T>(T view, JsonTypeInfo<T> type) => JsonSerializer.Serialize(view, type);

    // The output goes to programs and people, never into HTML: paths and quotes stay readable.
    private static JsonSerializerOptions Options(bool indented) => new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        WriteIndented = indented,
    };
}

[JsonSerializable(typeof(StatusView))]
[JsonSerializable(typeof(BaseVmView))]
[JsonSerializable(typeof(ResumeView))]
[JsonSerializable(typeof(ReleaseView))]
[JsonSerializable(typeof(DoctorView))]
[JsonSerializable(typeof(ErrorView))]
[JsonSerializable(typeof(LeaseView))]
[JsonSerializable(typeof(RenewView))]
[JsonSerializable(typeof(ListView))]
[JsonSerializable(typeof(WatchEventView))]
[JsonSerializable(typeof(CordonView))]
[JsonSerializable(typeof(DrainView))]
[JsonSerializable(typeof(PoolChangesView))]
[JsonSerializable(typeof(AppliedPoolsView))]
[JsonSerializable(typeof(ClusterView))]
[JsonSerializable(typeof(KataCheckView))]
[JsonSerializable(typeof(KataDoctorView))]
[JsonSerializable(typeof(ReapView))]
internal sealed partial class JsonViews : JsonSerializerContext;
