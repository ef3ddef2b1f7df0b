using System.Text.Json;

namespace VmCacheCluster.Qmp;

/// <summary>An asynchronous message of the monitor.</summary>
/// <param name="Name">Such as "STOP".</param>
/// <param name="Data">Its data object; of kind Undefined when it has none.</param>
public sealed record QmpEvent(string Name, JsonElement Data)
{
    /// <summary>A string member of the data, or null.</summary>
    public string? Text(string member) =>
        Data.ValueKind == JsonValueKind.Object && Data.TryGetProperty(member, out var value)
            && value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    /// <summary>Whether a boolean member of the data is there and true.</summary>
    public bool Flag(string member) =>
        Data.ValueKind == JsonValueKind.Object && Data.TryGetProperty(member, out var value)
            && value.ValueKind == JsonValueKind.True;
}
