using System.Text.Json;
using System.Text.Json.Serialization;

namespace VmCacheCluster.Kata;

/// <summary>Kata's JSON: Go's names (two of them differ in case alone), Go's escapes, no white space.</summary>
[JsonSourceGenerationOptions(PropertyNameCaseInsensitive = false)]
[JsonSerializable(typeof(KataVmConfig))]
[JsonSerializable(typeof(KataAgentConfig))]
[JsonSerializable(typeof(KataHypervisorState))]
[JsonSerializable(typeof(Configuration.KataExtensionImage[]))]
[JsonSerializable(typeof(Configuration.KataNumaNode[]))]
internal sealed partial class KataJson : JsonSerializerContext
{
    public static KataJson Go { get; } = new(new JsonSerializerOptions { Encoder = GoJsonEncoder.Instance });
}
