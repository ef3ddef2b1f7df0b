using VmCacheCluster.Contracts.V1;

namespace VmCacheCluster.Client;

/// <summary>What <see cref="VmCacheClient.AcquireAsync"/> asks for beyond a pool. All of it may be left out.</summary>
public sealed record AcquireOptions
{
    /// <summary>vCPUs the guest is to have at least; 0: as the pool's VMs have.</summary>
    public int MinCpus { get; init; }

    /// <summary>Memory the VM is to have at least, in MiB; 0: as the pool's VMs have.</summary>
    public int MinMemoryMiB { get; init; }

    /// <summary>What the VM is assigned to; null: nothing. Letters, digits, "_", "." and "-", at most 128.</summary>
    public string? SandboxId { get; init; }

    /// <summary>The caller's own words about the VM, shown by List and Watch; at most 64.</summary>
    public IReadOnlyDictionary<string, string> Labels { get; init; } = new Dictionary<string, string>();

    /// <summary>How long the lease lives after each renewal; null: the pool's default.</summary>
    public TimeSpan? Ttl { get; init; }

    /// <summary>The same key with the same wishes gives the same VM while it is leased; null: none.</summary>
    public string? IdempotencyKey { get; init; }

    /// <summary>Whether a VM must be warm already, or must not be.</summary>
    public WarmPreference Warm { get; init; } = WarmPreference.Prefer;

    /// <summary>On which host of the cluster the VM may be given. Its sockets are on that host; Exec, Renew and Release work through any.</summary>
    public Placement Placement { get; init; } = Placement.Local;

    /// <summary>Labels that the host must have; not with <see cref="Placement.Local"/>.</summary>
    public IReadOnlyDictionary<string, string> Affinity { get; init; } = new Dictionary<string, string>();

    /// <summary>The guest's host name; null: one made from the VM's id.</summary>
    public string? Hostname { get; init; }

    /// <summary>Variables of every program that is run in the guest.</summary>
    public IReadOnlyDictionary<string, string> Environment { get; init; } = new Dictionary<string, string>();

    /// <summary>Files that are in the guest when it is handed over, in this order.</summary>
    public IReadOnlyList<GuestFile> Files { get; init; } = [];

    /// <summary>The caller talks to the guest's agent itself, on its socket or by <see cref="LeasedVm.ConnectAsync"/>; then <see cref="LeasedVm.ExecAsync"/> is refused.</summary>
    public bool ClientHoldsAgent { get; init; }

    /// <summary>How long to wait for the VM; the node refuses shortly before.</summary>
    public TimeSpan Timeout { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>Whether the lease is renewed in the background until it is released; else the caller renews it.</summary>
    public bool AutomaticRenewal { get; init; } = true;

    internal AcquireRequest ToRequest(string pool)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(MinCpus);
        ArgumentOutOfRangeException.ThrowIfNegative(MinMemoryMiB);
        var request = new AcquireRequest
        {
            Pool = pool,
            Vcpus = (uint)MinCpus,
            MemoryMib = (uint)MinMemoryMiB,
            SandboxId = SandboxId ?? "",
            Labels = { Labels.ToDictionary() },
            Ttl = Ttl is { } ttl ? Google.Protobuf.WellKnownTypes.Duration.FromTimeSpan(ttl) : null,
            IdempotencyKey = IdempotencyKey ?? "",
            Warm = Warm,
            ClientHoldsAgent = ClientHoldsAgent,
            Placement = Placement,
            Affinity = { Affinity.ToDictionary() },
        };
        if (Hostname is { Length: > 0 } || Environment.Count > 0 || Files.Count > 0)
        {
            request.LateBinding = new LateBinding { Hostname = Hostname ?? "", Environment = { Environment.ToDictionary() }, Files = { Files } };
        }

        return request;
    }
}
