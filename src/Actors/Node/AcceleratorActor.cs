using Akka.Actor;
using Akka.Event;
using VmCacheCluster.Actors.Pools;
using VmCacheCluster.Domain;
using VmCacheCluster.Domain.Ports;

namespace VmCacheCluster.Actors.Node;

/// <summary>
/// Answers what a pool's guest runs under. `auto` is proved, one proof at a time; until then the answer is TCG, so that the
/// proof delays no pool. What could not be tried is tried again from time to time: KVM may appear, and causes go.
/// </summary>
public sealed class AcceleratorActor : ReceiveActor, IWithTimers
{
    private static readonly AcceleratorVerdict Meanwhile = new(Accelerator.Tcg, "TCG until it is proved that KVM runs the guest");

    private readonly IAcceleratorProof _proof;
    private readonly ILoggingAdapter _log = Context.GetLogger();
    private readonly Queue<(IActorRef Pool, VmSpec Spec)> _waiting = new();
    private readonly CancellationTokenSource _cancel = new();

    /// <summary>What each pool has asked last; null: it has named its accelerator.</summary>
    private readonly Dictionary<IActorRef, VmSpec?> _asked = [];

    /// <summary>The verdicts that are not settled, and how often they were tried in vain.</summary>
    private readonly Dictionary<IActorRef, (AcceleratorVerdict Told, int Attempts)> _open = [];

    private bool _proving;

    public AcceleratorActor(IAcceleratorProof proof)
    {
        _proof = proof;
        Receive<ResolveAccelerator>(Resolve);
        Receive<Looked>(OnLooked);
        Receive<Proved>(OnProved);
        Receive<Again>(OnAgain);
        Receive<Terminated>(gone => Forget(gone.ActorRef));
    }

    public ITimerScheduler Timers { get; set; } = null!;

    protected override void PostStop() => _cancel.Cancel();

    protected override void PreRestart(Exception reason, object message)
    {
        var open = _open.Keys.Where(pool => _asked.GetValueOrDefault(pool) is not null).Select(pool => (pool, _asked[pool]!));
        foreach (var (pool, spec) in _waiting.Union(open)) Self.Tell(new Looked(pool, spec, null));
        base.PreRestart(reason, message);
    }

    private void Resolve(ResolveAccelerator resolve)
    {
        var pool = Sender;
        Context.Watch(pool);
        Close(pool);
        _asked[pool] = resolve.Choice == AcceleratorChoice.Auto ? resolve.Spec : null;
        switch (resolve.Choice)
        {
            case AcceleratorChoice.Kvm:
                pool.Tell(new AcceleratorAnswer(new AcceleratorVerdict(Accelerator.Kvm, "configured")));
                break;
            case AcceleratorChoice.Tcg:
                pool.Tell(new AcceleratorAnswer(new AcceleratorVerdict(Accelerator.Tcg, "configured")));
                break;
            default:
                Task.Run(() => _proof.Remembered(resolve.Spec)).PipeTo(Self,
                    success: verdict => new Looked(pool, resolve.Spec, verdict),
                    failure: _ => new Looked(pool, resolve.Spec, null));
                break;
        }
    }

    private void OnLooked(Looked looked)
    {
        // It has asked something else meanwhile. After a restart of this actor nothing is known of it.
        if (_asked.TryGetValue(looked.Pool, out var asked) && asked != looked.Spec) return;
        if (_asked.TryAdd(looked.Pool, looked.Spec)) Context.Watch(looked.Pool);
        looked.Pool.Tell(new AcceleratorAnswer(looked.Remembered ?? Meanwhile));
        if (looked.Remembered is not null) return;
        _waiting.Enqueue((looked.Pool, looked.Spec));
        Next();
    }

    private void OnAgain(Again again)
    {
        if (!_open.ContainsKey(again.Pool) || _asked.GetValueOrDefault(again.Pool) is not { } spec) return;
        _waiting.Enqueue((again.Pool, spec));
        Next();
    }

    private void Next()
    {
        if (_proving || !_waiting.TryPeek(out var next)) return;
        _proving = true;
        _proof.ProveAsync(next.Spec, _cancel.Token).PipeTo(Self,
            success: verdict => new Proved(verdict),
            failure: e => new Proved(
                new AcceleratorVerdict(Accelerator.Tcg, $"TCG, for the proof of KVM itself failed: {e.Message}") { Settled = false }));
    }

    private void OnProved(Proved proved)
    {
        _proving = false;
        var (pool, spec) = _waiting.Dequeue();
        if (_asked.GetValueOrDefault(pool) == spec) Tell(pool, spec, proved.Verdict);
        Next();
    }

    /// <summary>What a pool was told already, it is not told again.</summary>
    private void Tell(IActorRef pool, VmSpec spec, AcceleratorVerdict verdict)
    {
        var (told, attempts) = _open.GetValueOrDefault(pool);
        Close(pool);
        if (!verdict.Settled)
        {
            _open[pool] = (verdict, attempts + 1);
            Timers.StartSingleTimer(pool, new Again(pool), ProofPace.After(attempts + 1));
        }

        if (told == verdict) return;
        if (verdict.Accelerator == Accelerator.Tcg) _log.Warning("pool {0}: {1}", spec.Pool, verdict.Reason);
        else _log.Info("pool {0}: {1}", spec.Pool, verdict.Reason);
        pool.Tell(new AcceleratorAnswer(verdict));
    }

    private void Close(IActorRef pool)
    {
        _open.Remove(pool);
        Timers.Cancel(pool);
    }

    private void Forget(IActorRef pool)
    {
        Close(pool);
        _asked.Remove(pool);
    }

    private sealed record Looked(IActorRef Pool, VmSpec Spec, AcceleratorVerdict? Remembered);
    private sealed record Proved(AcceleratorVerdict Verdict);
    private sealed record Again(IActorRef Pool);
}
