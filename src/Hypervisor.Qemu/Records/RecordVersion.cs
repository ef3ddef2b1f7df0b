using System.Text.Json;

namespace VmCacheCluster.Hypervisor.Qemu.Records;

/// <summary>The version of a record, which is looked at first: a later version may have any other form.</summary>
internal static class RecordVersion
{
    /// <summary>Null when it has none.</summary>
    /// <exception cref="JsonException">It is no JSON.</exception>
    public static int? Of(byte[] contents)
    {
        using var json = JsonDocument.Parse(contents);
        return json.RootElement.ValueKind == JsonValueKind.Object
            && json.RootElement.TryGetProperty("version", out var member) && member.ValueKind == JsonValueKind.Number
            && member.TryGetInt32(out var version) ? version : null;
    }
}
