using Google.Protobuf.WellKnownTypes;
using VmCacheCluster.Contracts.V1;
using VmCacheCluster.Domain;

namespace VmCacheCluster.Gateway.Services;

/// <summary>From a request to a wish. Finds all that is wrong whatever the pool; what the pool cannot do, it says itself.</summary>
public static class AcquireRequestReader
{
    public const int LongestKey = 128;
    private const uint MostCpus = 4096;
    private const uint MostMemoryMiB = 64 << 20;
    private const long LongestTtlSeconds = 366L * 24 * 3600;

    /// <returns>Meaningless when there are <paramref name="faults"/>.</returns>
    public static (PoolName Pool, LeaseWish Wish) Read(AcquireRequest request, RequestFaults faults)
    {
        var pool = Pool(request.Pool, faults);
        if (request.Vcpus > MostCpus) faults.Add("vcpus", $"at most {MostCpus}, not {request.Vcpus}");
        if (request.MemoryMib > MostMemoryMiB) faults.Add("memory_mib", $"at most {MostMemoryMiB}, not {request.MemoryMib}");
        LabelRules.Check(request.Labels, faults);
        if (!IsKey(request.IdempotencyKey))
            faults.Add("idempotency_key", $"at most {LongestKey} printable ASCII characters");

        return (pool, new LeaseWish(
            (int)request.Vcpus, (int)request.MemoryMib, Sandbox(request.SandboxId, faults), new Dictionary<string, string>(request.Labels),
            Ttl(request.Ttl, "ttl", faults), request.IdempotencyKey, Warm(request.Warm, faults),
            LateBindingRules.Read(request.LateBinding, faults), request.ClientHoldsAgent));
    }

    /// <param name="text">Empty: none.</param>
    public static bool IsKey(string text) => text.Length <= LongestKey && text.All(c => c is >= ' ' and <= '~');

    /// <param name="text">Empty: the default pool.</param>
    public static PoolName Pool(string text, RequestFaults faults)
    {
        if (text.Length == 0) return PoolName.Default;
        if (!PoolName.TryParse(text, out var pool))
            faults.Add("pool", $"{RequestFaults.Quote(text)} is no pool's name: 1 to 63 of a-z, 0-9 and '-', beginning with a letter or a digit");
        return pool;
    }

    public static TimeSpan? Ttl(Duration? ttl, string field, RequestFaults faults)
    {
        if (ttl is null) return null;
        if (ttl.Nanos is >= 0 and < 1_000_000_000 && ttl.Seconds is >= 0 and <= LongestTtlSeconds && ttl.ToTimeSpan() > TimeSpan.Zero)
            return ttl.ToTimeSpan();
        faults.Add(field, "a time above 0 and of at most a year");
        return null;
    }

    private static SandboxId? Sandbox(string text, RequestFaults faults)
    {
        if (text.Length == 0) return null;
        if (SandboxId.TryParse(text, out var id)) return id;
        faults.Add("sandbox_id", $"{RequestFaults.Quote(text)} is no sandbox id: {SandboxId.Form}");
        return null;
    }

    private static WarmWish Warm(WarmPreference warm, RequestFaults faults)
    {
        switch (warm)
        {
            case WarmPreference.Unspecified or WarmPreference.Prefer: return WarmWish.Prefer;
            case WarmPreference.Require: return WarmWish.Require;
            case WarmPreference.Never: return WarmWish.Never;
            default:
                faults.Add("warm", $"{(int)warm} is not known to this daemon: PREFER, REQUIRE or NEVER");
                return WarmWish.Prefer;
        }
    }
}
