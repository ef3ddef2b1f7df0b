using VmCacheCluster.Domain;
using VmCacheCluster.Domain.Ports;

namespace VmCacheCluster.Actors.Vms;

/// <summary>What happens to a VM, as its life takes it.</summary>
internal static class VmEvents
{
    /// <summary>Null: it means nothing to it.</summary>
    public static VmInput? InputOf(VmEvent happened) => happened switch
    {
        VmEvent.Resumed { ByUs: false } => new VmInput.Ran(),
        VmEvent.Shutdown shutdown => new VmInput.GuestStopped($"the guest shut down ({shutdown.Reason})"),
        VmEvent.Panicked panicked => new VmInput.GuestStopped($"the guest's kernel panicked ({panicked.Action})"),
        VmEvent.MonitorLost lost => new VmInput.MonitorLost($"the supervisor monitor broke: {lost.Reason}"),
        VmEvent.Exited exited => new VmInput.Exited(exited.How, exited.Log),
        _ => null,
    };
}
