using Akka.Actor;
using Akka.Event;
using VmCacheCluster.Domain;
using VmCacheCluster.Domain.Ports;

namespace VmCacheCluster.Actors.Pools;

/// <summary>
/// Looks in the records for what an actor that failed knew: it tries until it can read them, for a pool would else forget its
/// leases. Part of the pool's actor, and used by it alone.
/// </summary>
internal sealed class PoolRecovery(PoolSettings settings, PoolSurroundings around, IActorRef pool, Func<ITimerScheduler> timers, ILoggingAdapter log)
{
    private static readonly TimeSpan LookAgain = TimeSpan.FromSeconds(1);

    /// <summary>The pool's own actor failed. Answered by <see cref="Recovered"/> or <see cref="RecoverFailed"/>.</summary>
    public void Start() => Recovery.TakeAllAsync(around, settings.Options.Spec, settings.Had, log).PipeTo(pool,
        success: vms => new Recovered(vms),
        failure: e => new RecoverFailed(e));

    public void Failed(RecoverFailed failed)
    {
        log.Warning("pool {0}: its records cannot be read, trying again: {1}", settings.Name, failed.Cause.Message);
        timers().StartSingleTimer(nameof(RecoverDue), RecoverDue.Instance, LookAgain);
    }

    /// <summary>The actor of this VM failed. Answered by <see cref="Refound"/> or <see cref="LookFailed"/>.</summary>
    public void LookFor(VmId id) => Recovery.TakeAsync(around, id, log).PipeTo(pool,
        success: vms => new Refound(id, vms.GoOn.FirstOrDefault(), vms.Unended.FirstOrDefault()),
        failure: e => new LookFailed(id, e));

    /// <summary>It may be somebody's: it is looked for until it is known.</summary>
    public void Failed(LookFailed failed)
    {
        log.Warning("pool {0}: VM {1}, whose actor failed, cannot be looked up, trying again: {2}", settings.Name, failed.Id, failed.Cause.Message);
        timers().StartSingleTimer((nameof(LookDue), failed.Id), new LookDue(failed.Id), LookAgain);
    }
}

internal sealed record RecoverDue { public static readonly RecoverDue Instance = new(); }

internal sealed record RecoverFailed(Exception Cause);

internal sealed record Recovered(RecoveredVms Vms);

internal sealed record LookDue(VmId Id);

internal sealed record LookFailed(VmId Id, Exception Cause);

/// <param name="Found">Null: it was ended, or is nobody's.</param>
/// <param name="Unended">Null: it was ended, or goes on.</param>
internal sealed record Refound(VmId Id, FoundVm? Found, EndFoundVm? Unended);
