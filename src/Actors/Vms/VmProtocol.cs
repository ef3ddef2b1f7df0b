using Akka.Actor;
using VmCacheCluster.Actors.Gateway;
using VmCacheCluster.Domain;

namespace VmCacheCluster.Actors.Vms;

/// <summary>A message about one VM.</summary>
public interface IVmMessage
{
    VmId Id { get; }
}

/// <summary>To a VmActor: hand the VM to a caller who has claimed it. The caller's ticket is answered by
/// <see cref="BaseVmGranted"/>; when that cannot be, the pool is told by <see cref="ReserveRefused"/>. A ticket that was
/// abandoned meanwhile leaves the VM warm.</summary>
public sealed record ReserveVm(VmId Id, AcquireBaseVm Caller, Served Served) : IVmMessage;

/// <summary>From a VmActor to its pool: the VM could not be handed out; the caller is to be served otherwise.</summary>
/// <param name="Failure">What went wrong with the VM; null: it was only not to be had.</param>
/// <param name="Spent">Something was done to it for the caller, whose request may be what it failed for.</param>
public sealed record ReserveRefused(VmId Id, AcquireBaseVm Caller, string Reason, VmFailure? Failure = null, bool Spent = false) : IVmMessage;

/// <summary>To a VmActor: the call that the VM was handed to ended before it was answered.</summary>
public sealed record ReturnVm(VmId Id) : IVmMessage;

/// <summary>To a VmActor: somebody waits for the VM that is being made.</summary>
public sealed record HurryVm(VmId Id) : IVmMessage;

/// <summary>To a VmActor: end the VM.</summary>
public sealed record StopVm(VmId Id, string Reason) : IVmMessage;

/// <summary>From a VmActor to its pool: whoever asked for the release does not hold the VM.</summary>
public sealed record ReleaseRefused(VmRefused Refused, IActorRef Asker) : IVmMessage
{
    public VmId Id => Refused.Id;
}

/// <summary>To a VmActor: do something with the VM. Answered by <see cref="VmPerformed"/> or <see cref="VmRefused"/>.</summary>
public sealed record RunVmCommand(VmId Id, VmCommand Command) : IVmMessage;

/// <param name="Plugged">For what was plugged in: how much of it; else null.</param>
/// <param name="Failure">Why it did not work, or not all of it; null: it did.</param>
public sealed record VmPerformed(VmId Id, VmSize Size, HotPlug? Plugged, VmFailure? Failure) : IVmMessage;

/// <summary>From a VmActor to its pool, at every change of its life. The last one is Gone.</summary>
/// <param name="Facts">Null until the process runs.</param>
/// <param name="ConfirmBefore">While handed out and unconfirmed: when the grace period ends.</param>
/// <param name="Lease">Of a VM handed out by vmcache.v1, from its reservation on.</param>
/// <param name="ExpiresAt">When that ends; null until the VM is prepared.</param>
/// <param name="Size">Null until the process runs.</param>
public sealed record VmChanged(
    VmId Id, VmLife Life, VmSpec Spec, VmFacts? Facts, DateTimeOffset? ConfirmBefore,
    LeaseRecord? Lease = null, DateTimeOffset? ExpiresAt = null, VmSize? Size = null) : IVmMessage
{
    /// <summary>When it was handed out; null: it is not.</summary>
    public DateTimeOffset? HeldAt { get; init; }
}
