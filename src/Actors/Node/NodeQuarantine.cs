using Akka.Actor;
using Akka.Event;
using VmCacheCluster.Actors.Gateway;
using VmCacheCluster.Domain;
using VmCacheCluster.Domain.Ports;

namespace VmCacheCluster.Actors.Node;

/// <summary>VMs that are nobody's to end by himself: shown to operators, and ended when one says so. Part of the node's actor.</summary>
internal sealed class NodeQuarantine(Quarantine vms, IHypervisor hypervisor, IActorRef node, ILoggingAdapter log)
{
    private readonly HashSet<VmId> _ending = [];

    /// <summary>Answered by <see cref="VmReaped"/> or <see cref="VmRefused"/>.</summary>
    public void End(ReapVm reap, IActorRef asker)
    {
        if (vms.Find(reap.Id) is not { } found)
            asker.Tell(new VmRefused(reap.Id, RefusalKind.NotFound, $"there is no quarantined VM {reap.Id} on this host: `vmcache status` shows those there are"));
        else if (!_ending.Add(reap.Id)) asker.Tell(new VmRefused(reap.Id, RefusalKind.WrongState, $"VM {reap.Id} is just being ended"));
        else
            hypervisor.EndQuarantinedAsync(found, CancellationToken.None).PipeTo(node,
                success: () => new QuarantineEnded(reap.Id, asker, null), failure: e => new QuarantineEnded(reap.Id, asker, e.Message));
    }

    public void Ended(QuarantineEnded ended)
    {
        _ending.Remove(ended.Id);
        if (ended.Problem is { } problem)
        {
            log.Warning("quarantined VM {0} could not be ended: {1}", ended.Id, problem);
            ended.Asker.Tell(new VmRefused(ended.Id, RefusalKind.WrongState, problem));
            return;
        }

        vms.Remove(ended.Id);
        log.Info("quarantined VM {0} was ended by an operator", ended.Id);
        ended.Asker.Tell(new VmReaped(ended.Id));
    }
}

internal sealed record QuarantineEnded(VmId Id, IActorRef Asker, string? Problem);
