using Akka.Actor;
using VmCacheCluster.Actors.Gateway;
using VmCacheCluster.Actors.Node;
using VmCacheCluster.Actors.Vms;
using VmCacheCluster.Domain;

namespace VmCacheCluster.Actors.Pools;

/// <summary>Who asked for the release of which VM: they are answered when it is gone. Part of the pool's actor, and used by it alone.</summary>
internal sealed class PoolReleases(
    PoolName pool, IReadOnlyDictionary<VmId, Member> members, Quarantine quarantine)
{
    private readonly Dictionary<VmId, List<IActorRef>> _askers = [];

    public void Ask(ReleaseVm release, IActorRef asker)
    {
        if (!members.TryGetValue(release.Id, out var member))
        {
            asker.Tell(quarantine.Refusal(release.Id, $"pool {pool} has no VM {release.Id}"));
        }
        else if (!(member.Shown.Held || member.Life.Ended || member.Life.Ending?.Obstacle is not null))
        {
            asker.Tell(new VmRefused(release.Id, RefusalKind.WrongState, $"VM {release.Id} is {member.Life.Phase.ToString().ToLowerInvariant()}, not leased: only a leased VM can be released"));
        }
        else if (LeaseRules.FaultOfRelease(release.Id, member.Lease, release.Token) is { } fault)
        {
            // Its actor would say so too, but perhaps after the VM is gone, when all who asked are told that it was released.
            asker.Tell(new VmRefused(release.Id, RefusalKind.StaleToken, fault));
        }
        else if (member.Life.Ending?.Obstacle is { } obstacle)
        {
            asker.Tell(Unfinished(release.Id, obstacle));
        }
        else
        {
            if (!_askers.TryGetValue(release.Id, out var askers)) _askers[release.Id] = askers = [];
            askers.Add(asker);
            member.Actor.Tell(release, asker);
        }
    }

    public void Refused(ReleaseRefused refused)
    {
        if (_askers.TryGetValue(refused.Id, out var askers)) askers.Remove(refused.Asker);
        refused.Asker.Tell(refused.Refused);
    }

    public void Gone(VmId id)
    {
        object answer = quarantine.Refusal(id) is { } refusal ? refusal : new VmReleased(id);
        if (_askers.Remove(id, out var askers)) askers.ForEach(a => a.Tell(answer));
    }

    /// <summary>It is nobody's any more, and when it will be gone is not known.</summary>
    public void Hindered(VmId id, VmFailure obstacle)
    {
        if (_askers.Remove(id, out var askers)) askers.ForEach(a => a.Tell(Unfinished(id, obstacle)));
    }

    private static VmRefused Unfinished(VmId id, VmFailure obstacle)
        => new(id, RefusalKind.Unfinished, $"VM {id} is released and will be nobody's again, but its end cannot be completed: {obstacle}");

    /// <summary>It goes on, and may be somebody's.</summary>
    public void Recovered(VmId id)
    {
        if (_askers.Remove(id, out var askers))
            askers.ForEach(a => a.Tell(new VmRefused(id, RefusalKind.Unavailable, $"VM {id} was recovering from a fault")));
    }

    /// <summary>The pool forgets everything.</summary>
    public void RefuseAll(string reason)
    {
        foreach (var (id, askers) in _askers) askers.ForEach(a => a.Tell(new VmRefused(id, RefusalKind.Unavailable, reason)));
    }
}
