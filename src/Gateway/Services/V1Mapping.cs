using Google.Protobuf.WellKnownTypes;
using VmCacheCluster.Actors.Gateway;
using VmCacheCluster.Contracts.V1;
using VmCacheCluster.Domain;
using VmCacheCluster.Hypervisor.Qemu.Records;

namespace VmCacheCluster.Gateway.Services;

/// <summary>What the actors show, as vmcache.v1 says it.</summary>
public static class V1Mapping
{
    public static Vm ToVm(VmView view)
    {
        var vm = new Vm
        {
            Id = view.Id.Value,
            Pool = view.Pool.Value,
            State = StateOf(view.Life.Phase),
            Cpus = (uint)(view.Size?.Cpus ?? view.Spec.Cpus),
            MemoryMib = (uint)(view.Size?.MemoryMiB ?? view.Spec.MemoryMiB),
            MadeBy = (view.Facts?.MadeBy ?? view.MadeBy) == Domain.MadeBy.Clone ? Contracts.V1.MadeBy.Clone : Contracts.V1.MadeBy.Boot,
            Served = view.Life.Served switch
            {
                Domain.Served.Warm => Contracts.V1.Served.Warm,
                Domain.Served.OnDemand => Contracts.V1.Served.OnDemand,
                _ => Contracts.V1.Served.Unspecified,
            },
            Confirmed = view.Life.Confirmed,
            GracePeriod = Duration.FromTimeSpan(view.Grace),
            Obstacle = view.Life.Ending?.Obstacle?.ToString() ?? "",
        };
        if (view.ConfirmBefore is { } before) vm.ConfirmBefore = Timestamp.FromDateTimeOffset(before);
        if (view.HeldAt is { } held) vm.HeldSince = Timestamp.FromDateTimeOffset(held);
        if (view.Life.Phase == VmPhase.Leased) vm.HeldBy = view.Life.Path == HandOutPath.Kata ? HeldBy.Kata : HeldBy.V1;
        if (view.ExpiresAt is { } expires) vm.ExpiresAt = Timestamp.FromDateTimeOffset(expires);
        if (view.Lease is { } lease)
        {
            vm.SandboxId = lease.Sandbox?.Value ?? "";
            vm.Labels.Add(lease.Labels.ToDictionary());
        }

        if (view.Facts is not { } facts) return vm;

        vm.Pid = facts.Process.Pid;
        vm.StartTime = facts.Process.StartTime;
        vm.User = facts.User ?? Trust.Us;
        (vm.Qmp, vm.Agent, vm.Console, vm.Share) = (facts.Paths.Qmp, facts.Paths.Agent, facts.Paths.Console, facts.Paths.Share);
        return vm;
    }

    public static PoolStatus ToPool(PoolView view, string endpoint)
    {
        var pool = new PoolStatus
        {
            Name = view.Name.Value,
            Target = (uint)view.Target,
            Warm = (uint)view.Warm,
            Warming = (uint)view.Warming,
            Leased = (uint)view.Leased,
            Waiting = (uint)view.Waiting,
            Reason = view.Reason,
            Accelerator = view.Accelerator switch { Accelerator.Kvm => "kvm", Accelerator.Tcg => "tcg", _ => "" },
            AcceleratorReason = view.AcceleratorReason,
            Refill = view.Refill == Domain.MadeBy.Clone ? "clone" : "boot",
            RefillReason = view.RefillReason,
            Revision = view.Revision,
            Rollout = view.Rollout,
            Endpoint = view.Endpoint ?? (view.Name == PoolName.Default ? endpoint : ""),
        };
        pool.Vms.AddRange(view.Vms.OrderBy(v => v.Life.Phase).ThenBy(v => v.Id.Value, StringComparer.Ordinal).Select(ToVm));
        pool.Events.AddRange(view.Events.Select(e => new Contracts.V1.PoolEvent
        {
            At = Timestamp.FromDateTimeOffset(e.At),
            Vm = e.Vm?.Value ?? "",
            What = e.Times == 1 ? e.What : $"{e.What} ({e.Times} times)",
        }));
        return pool;
    }

    public static Contracts.V1.QuarantinedVm ToQuarantined(Actors.Gateway.QuarantinedVm left) => new()
    {
        Id = left.Id.Value,
        Pool = left.Pool?.Value ?? "",
        Pid = left.Process?.Pid ?? 0,
        StartTime = left.Process?.StartTime ?? 0,
        Reason = left.Reason,
    };

    private static VmState StateOf(VmPhase phase) => phase switch
    {
        VmPhase.Creating => VmState.Creating,
        VmPhase.Loading => VmState.Loading,
        VmPhase.Priming => VmState.Priming,
        VmPhase.Booting => VmState.Booting,
        VmPhase.Checking => VmState.Checking,
        VmPhase.Pausing => VmState.Pausing,
        VmPhase.Adopting => VmState.Adopting,
        VmPhase.Warm => VmState.Warm,
        VmPhase.Unresponsive => VmState.Unresponsive,
        VmPhase.Reserved => VmState.Reserved,
        VmPhase.Preparing => VmState.Preparing,
        VmPhase.Leased => VmState.Leased,
        VmPhase.Failed => VmState.Failed,
        _ => VmState.Stopping,
    };
}
