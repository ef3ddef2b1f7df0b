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
public sealed record ReserveRefused(VmId Id, AcquireBaseVm Caller, string Reason) : IVmMessage;

/// <summary>To a VmActor: the call that the VM was handed to ended before it was answered.</summary>
public sealed record ReturnVm(VmId Id) : IVmMessage;

/// <summary>To a VmActor: end the VM.</summary>
public sealed record StopVm(VmId Id, string Reason) : IVmMessage;

/// <summary>From a VmActor to its pool, at every change of its life. The last one is Gone.</summary>
/// <param name="Facts">Null until the process runs.</param>
/// <param name="ConfirmBefore">While handed out and unconfirmed: when the grace period ends.</param>
public sealed record VmChanged(VmId Id, VmLife Life, VmSpec Spec, VmFacts? Facts, DateTimeOffset? ConfirmBefore) : IVmMessage;
