using Akka.Actor;
using Akka.Event;
using VmCacheCluster.Actors.Pools;
using VmCacheCluster.Domain;
using VmCacheCluster.Domain.Ports;

namespace VmCacheCluster.Actors.Node;

/// <summary>
/// Answers what a pool's guest runs under. `auto` is proved, one proof at a time; until then the answer is TCG, so that the
/// proof delays no pool.
/// </summary>
public sealed class AcceleratorActor : ReceiveActor
{
    private static readonly AcceleratorVerdict Meanwhile = new(Accelerator.Tcg, "TCG until it is proved that KVM runs the guest");

    private readonly IAcceleratorProof _proof;
    private readonly ILoggingAdapter _log = Context.GetLogger();
    private readonly Queue<(IActorRef Pool, VmSpec Spec)> _waiting = new();
    private readonly CancellationTokenSource _cancel = new();
    private bool _proving;

    public AcceleratorActor(IAcceleratorProof proof)
    {
        _proof = proof;
        Receive<ResolveAccelerator>(Resolve);
        Receive<Looked>(OnLooked);
        Receive<Proved>(OnProved);
    }

    protected override void PostStop() => _cancel.Cancel();

    protected override void PreRestart(Exception reason, object message)
    {
        foreach (var (pool, spec) in _waiting) Self.Tell(new Looked(pool, spec, null));
        base.PreRestart(reason, message);
    }

    private void Resolve(ResolveAccelerator resolve)
    {
        switch (resolve.Choice)
        {
            case AcceleratorChoice.Kvm:
                Sender.Tell(new AcceleratorAnswer(new AcceleratorVerdict(Accelerator.Kvm, "configured")));
                break;
            case AcceleratorChoice.Tcg:
                Sender.Tell(new AcceleratorAnswer(new AcceleratorVerdict(Accelerator.Tcg, "configured")));
                break;
            default:
                var pool = Sender;
                Task.Run(() => _proof.Remembered(resolve.Spec)).PipeTo(Self,
                    success: verdict => new Looked(pool, resolve.Spec, verdict),
                    failure: _ => new Looked(pool, resolve.Spec, null));
                break;
        }
    }

    private void OnLooked(Looked looked)
    {
        looked.Pool.Tell(new AcceleratorAnswer(looked.Remembered ?? Meanwhile));
        if (looked.Remembered is not null) return;
        _waiting.Enqueue((looked.Pool, looked.Spec));
        Next();
    }

    private void Next()
    {
        if (_proving || !_waiting.TryPeek(out var next)) return;
        _proving = true;
        _proof.ProveAsync(next.Spec, _cancel.Token).PipeTo(Self,
            success: verdict => new Proved(verdict),
            failure: e => new Proved(new AcceleratorVerdict(Accelerator.Tcg, $"TCG, for the proof of KVM itself failed: {e.Message}")));
    }

    private void OnProved(Proved proved)
    {
        _proving = false;
        var (pool, spec) = _waiting.Dequeue();
        if (proved.Verdict.Accelerator == Accelerator.Tcg) _log.Warning("pool {0}: {1}", spec.Pool, proved.Verdict.Reason);
        else _log.Info("pool {0}: {1}", spec.Pool, proved.Verdict.Reason);
        pool.Tell(new AcceleratorAnswer(proved.Verdict));
        Next();
    }

    private sealed record Looked(IActorRef Pool, VmSpec Spec, AcceleratorVerdict? Remembered);
    private sealed record Proved(AcceleratorVerdict Verdict);
}
