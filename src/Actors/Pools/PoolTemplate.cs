using Akka.Actor;
using VmCacheCluster.Domain;

namespace VmCacheCluster.Actors.Pools;

/// <summary>What a pool's VMs are cloned from, and the actor that keeps it. Part of the pool's actor, and used by it alone.</summary>
internal sealed class PoolTemplate(PoolSettings settings, PoolSurroundings around, IUntypedActorContext context, EventLog events)
{
    private IActorRef? _actor;

    public CloneSource Source { get; } = new();

    /// <summary>What was being made is still to come to its end.</summary>
    public bool Stopping { get; private set; }

    /// <summary>How VMs are made is as the settings have it.</summary>
    public void Choose() => Source.Choose(around.Ports.Templates is null ? RefillChoice.Boot : settings.Options.Refill, settings.Options.Spec.Kata?.WhyNotCloned());

    /// <summary>From now on such VMs are made.</summary>
    public void Want(VmSpec spec)
    {
        Choose();
        if (!Source.Wanted) return;
        Source.Want(spec);
        _actor ??= context.Watch(context.ActorOf(Props.Create(() => new TemplateActor(settings.Name, around))));
        _actor.Tell(new WantTemplate(spec, settings.Options));
    }

    public void Ready(TemplateReady ready)
    {
        Source.Ready(ready.Spec, ready.Template);
        if (ready.Told is { } told) events.Add(null, $"its template was {told}");
    }

    public void Failed(TemplateFailed failed)
    {
        Source.Failed(failed.Spec, failed.Failure);
        events.Add(null, $"its template could not be made: {failed.Failure}");
    }

    public void CloneFailed(VmFailure failure)
    {
        Source.CloneFailed(failure);
        if (Source.Suspect is { } suspect) _actor?.Tell(new TemplateSuspected(suspect, failure.ToString()));
    }

    /// <summary>False: it is another actor that ended. What this one knew is found again by its successor.</summary>
    public bool Ended(IActorRef actor)
    {
        if (!actor.Equals(_actor)) return false;
        (_actor, Stopping) = (null, false);
        return true;
    }

    public void Stop()
    {
        if (_actor is null || Stopping) return;
        Stopping = true;
        _actor.Tell(StopTemplate.Instance);
    }

    /// <summary>An actor that was told to stop makes no more: another one takes its place, once it has ended.</summary>
    /// <returns>False: there is none.</returns>
    public bool Renew()
    {
        if (_actor is null) return false;
        context.Stop(_actor);
        return true;
    }

    public void Stopped() => Stopping = false;
}
