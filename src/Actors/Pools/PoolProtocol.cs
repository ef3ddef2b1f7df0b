using Akka.Actor;
using VmCacheCluster.Domain;
using VmCacheCluster.Domain.Ports;

namespace VmCacheCluster.Actors.Pools;

/// <summary>From a pool to the gateway: this VM is mine (or, gone, is nobody's).</summary>
public sealed record VmOwned(VmId Id, PoolName Pool, bool Gone);

/// <summary>To a pool: say which VMs are yours; a restarted gateway asks. Answered by a <see cref="VmOwned"/> for each, then
/// <see cref="VmsAnnounced"/>.</summary>
public sealed record AnnounceVms(IActorRef Gateway);

public sealed record VmsAnnounced(PoolName Pool);

/// <summary>To a pool: the daemon ends. What is being made is ended, what is warm or handed out is left running for the next
/// one; no more callers are taken. Answered by <see cref="PoolStopped"/> when that is done.</summary>
public sealed record StopPool(string Reason);

/// <summary>To a pool: give up what is warm or being made and make no more; what is handed out stays. Answered by
/// <see cref="PoolDrained"/> at once.</summary>
public sealed record DrainPool(string Reason);

/// <param name="GivenUp">VMs that were warm or being made, and now end.</param>
public sealed record PoolDrained(PoolName Name, int GivenUp, int Leased);

/// <summary>To a pool: keep no more VMs warm than there are, and make them for callers alone.</summary>
/// <param name="Reason">Null: that is over, and so is a drain.</param>
public sealed record CordonPool(string? Reason);

public sealed record PoolStopped(PoolName Name);

/// <summary>To the boot slots: one slot, when one is free. Answered by <see cref="BootSlotGranted"/>, and before that by a
/// <see cref="BootSlotWithheld"/> for each time that the host was found short of memory.</summary>
/// <param name="MemoryBytes">What the VM is to take of the host's memory by the time it is warm.</param>
public sealed record AskBootSlot(long MemoryBytes);

/// <summary>To whoever waits for a boot slot: why there is none, although VMs could be made.</summary>
public sealed record BootSlotWithheld(string Reason);

public sealed record BootSlotGranted
{
    public static readonly BootSlotGranted Instance = new();
}

/// <summary>To the boot slots: a granted slot is free again.</summary>
public sealed record ReturnBootSlot
{
    public static readonly ReturnBootSlot Instance = new();
}

/// <summary>To the boot slots: the asker has restarted and knows neither what it asked for nor what it holds.</summary>
public sealed record ForgetBootSlots
{
    public static readonly ForgetBootSlots Instance = new();
}

/// <summary>To the accelerator actor: what is this pool's guest to run under? Answered by <see cref="AcceleratorAnswer"/>,
/// at once with what is known, and again when a proof has ended.</summary>
public sealed record ResolveAccelerator(VmSpec Spec, AcceleratorChoice Choice);

public sealed record AcceleratorAnswer(AcceleratorVerdict Verdict);

/// <summary>What a pool is made of: its options, and the VMs of an earlier daemon that it adopts.</summary>
/// <param name="Notes">What is to be known of VMs that it could not adopt.</param>
/// <param name="Closed">Why it makes no VMs and takes no callers; null: it does.</param>
public sealed record PoolPlan(PoolOptions Options, IReadOnlyList<FoundVm> Found, IReadOnlyList<(VmId? Vm, string What)> Notes, string? Closed = null)
{
    /// <summary>As changed since.</summary>
    public PoolSettings Settings { get; } = new(Options);
}

/// <summary>To a pool: be like this from now on, and open. VMs of another shape are replaced by and by.</summary>
/// <param name="Options">Of the same name.</param>
public sealed record ChangePool(PoolOptions Options);

/// <summary>From a pool to the node: its change is over.</summary>
/// <param name="Revision">That was wanted.</param>
/// <param name="Undone">Why it went back; null: it did not.</param>
public sealed record RolloutEnded(PoolName Pool, string Revision, string? Undone);

/// <summary>To a pool: there is no such pool any more. What is leased stays.</summary>
public sealed record RetirePool(string Reason);

/// <summary>To a pool: go on ending this VM, which an earlier daemon left and which could not be ended yet.</summary>
/// <param name="Ending">With what was in the way.</param>
public sealed record EndFoundVm(FoundVm Found, VmEnding Ending);

/// <summary>From a pool to the node: it has restarted, and knows no more what it was told about draining and stopping.</summary>
public sealed record PoolRestarted(PoolName Name);
