using System.Text.Json;
using VmCacheCluster.Domain;

namespace VmCacheCluster.Hypervisor.Qemu.Records;

/// <summary>The form of lease.json. Fields are only added; a change of meaning raises <see cref="CurrentVersion"/>.</summary>
internal sealed record LeaseJson(
    int Version, string Token, string IdempotencyKey, string RequestDigest, string? Sandbox, Dictionary<string, string> Labels, long TtlMilliseconds,
    bool ClientHoldsAgent = false)
{
    public const int CurrentVersion = 1;

    public static LeaseJson From(LeaseRecord lease) => new(
        CurrentVersion, lease.Token.Value, lease.IdempotencyKey, lease.RequestDigest, lease.Sandbox?.Value,
        new Dictionary<string, string>(lease.Labels), (long)lease.Ttl.TotalMilliseconds, lease.ClientHoldsAgent);

    public LeaseRecord ToLease() => new(
        LeaseToken.TryParse(Token, out var token) ? token : throw new JsonException("its token is none"),
        IdempotencyKey, RequestDigest,
        Sandbox is null ? null : SandboxId.TryParse(Sandbox, out var sandbox) ? sandbox : throw new JsonException($"'{Sandbox}' is no sandbox id"),
        Labels, TimeSpan.FromMilliseconds(TtlMilliseconds), ClientHoldsAgent);
}

/// <summary>Reads and writes lease.json.</summary>
internal static class LeaseFile
{
    public static void Write(VmPaths paths, LeaseRecord lease) => AtomicFile.Write(
        QemuPaths.Lease(paths), JsonSerializer.SerializeToUtf8Bytes(LeaseJson.From(lease), RecordJson.Default.LeaseJson));

    /// <summary>The lease, or what is wrong with its record; neither when there is none.</summary>
    public static (LeaseRecord? Lease, string? Problem) Read(string path)
    {
        try
        {
            return Path.Exists(path) ? Parse(path, RecordBytes.Read(path)) : (null, null);
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException or InvalidDataException)
        {
            return (null, $"{path} cannot be read: {fault.Message}");
        }
    }

    internal static (LeaseRecord? Lease, string? Problem) Parse(string path, byte[] contents)
    {
        try
        {
            if (RecordVersion.Of(contents) is not { } version) return (null, $"{path} is no lease's record: it has no version");
            if (version != LeaseJson.CurrentVersion)
                return (null, $"{path} is of version {version}, and this daemon reads version {LeaseJson.CurrentVersion}");
            var lease = JsonSerializer.Deserialize(contents, RecordJson.Default.LeaseJson) ?? throw new JsonException("it is null");
            return (lease.ToLease(), null);
        }
        catch (Exception fault) when (fault is JsonException or InvalidOperationException or OverflowException)
        {
            return (null, $"{path} is damaged: {fault.Message}");
        }
    }
}
