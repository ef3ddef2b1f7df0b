using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;

namespace VmCacheCluster.Cli.Output;

internal static class Json
{
    // The output goes to programs and people, never into HTML: paths and quotes stay readable.
    internal static readonly JsonViews Views = new(new JsonSerializerOptions
    {
        PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        WriteIndented = true,
    });

    internal static string Text<T>(T view, JsonTypeInfo<T> type) => JsonSerializer.Serialize(view, type);
}

[JsonSerializable(typeof(StatusView))]
[JsonSerializable(typeof(BaseVmView))]
[JsonSerializable(typeof(ResumeView))]
[JsonSerializable(typeof(ReleaseView))]
[JsonSerializable(typeof(DoctorView))]
[JsonSerializable(typeof(ErrorView))]
internal sealed partial class JsonViews : JsonSerializerContext;
