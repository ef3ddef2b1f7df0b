using System.Text.Json;
using VmCacheCluster.Domain;

namespace VmCacheCluster.Hypervisor.Qemu.Records;

/// <summary>The form of lease.json. Fields are only added; a change of meaning raises <see cref="CurrentVersion"/>.</summary>
internal sealed record LeaseJson(
    int Version, string Token, string IdempotencyKey, string RequestDigest, string? Sandbox, Dictionary<string, string> Labels, long TtlMilliseconds,
    bool ClientHoldsAgent = false)
{
    public const int CurrentVersion = 1;

    /// <summary>A hundred years: more than any lease is granted, and little enough to be added to any time.</summary>
    private const long MostTtlMilliseconds = 100L * 366 * 24 * 3600 * 1000;

    public static LeaseJson From(LeaseRecord lease) => new(
        CurrentVersion, lease.Token.Value, lease.IdempotencyKey, lease.RequestDigest, lease.Sandbox?.Value,
        new Dictionary<string, string>(lease.Labels), (long)lease.Ttl.TotalMilliseconds, lease.ClientHoldsAgent);

    public LeaseRecord ToLease() => new(
        LeaseToken.TryParse(Token, out var token) ? token : throw new JsonException("its token is none"),
        IdempotencyKey, RequestDigest,
        Sandbox is null ? null : SandboxId.TryParse(Sandbox, out var sandbox) ? sandbox : throw new JsonException($"'{Sandbox}' is no sandbox id"),
        Labels.Values.Any(v => v is null) ? throw new JsonException("a label has no value") : Labels, Ttl(), ClientHoldsAgent);

    private TimeSpan Ttl() => TtlMilliseconds is > 0 and <= MostTtlMilliseconds
        ? TimeSpan.FromMilliseconds(TtlMilliseconds)
        : throw new JsonException($"its TTL is {TtlMilliseconds} ms");
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
            return Parse(path, RecordBytes.Read(path));
        }
        catch (FileNotFoundException)
        {
            return (null, null);
        }
        catch (Exception fault) when (!HostFailures.IsShortage(fault))
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
        catch (Exception fault) when (!HostFailures.IsShortage(fault))
        {
            // Whatever it is: it is the fault of this one file.
            return (null, $"{path} is damaged: {fault.Message}");
        }
    }
}
