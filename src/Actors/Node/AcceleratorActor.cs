using Akka.Actor;
using Akka.Event;
using VmCacheCluster.Actors.Gateway;
using VmCacheCluster.Actors.Pools;
using VmCacheCluster.Domain;
using VmCacheCluster.Domain.Ports;

namespace VmCacheCluster.Actors.Node;

/// <summary>
/// Answers what a pool's guest runs under. `auto` is proved, one proof at a time; until then the answer is TCG, so that the
/// proof delays no pool. What is not settled is proved again, when <see cref="ProofCourse"/> says: KVM may appear, and causes go.
/// </summary>
public sealed class AcceleratorActor : ReceiveActor, IWithTimers
{
    private static readonly AcceleratorVerdict Configured = new(Accelerator.Tcg, "configured");
    private static readonly AcceleratorVerdict Meanwhile = new(Accelerator.Tcg, "TCG until it is proved that KVM runs the guest");

    private readonly IAcceleratorProof _proof;
    private readonly ProofOptions _options;
    private readonly ILoggingAdapter _log = Context.GetLogger();
    private readonly CancellationTokenSource _whole = new();

    /// <summary>What each pool has asked last.</summary>
    private readonly Dictionary<IActorRef, Question> _asked = [];

    private readonly LinkedList<IActorRef> _waiting = [];

    /// <summary>Null: nothing is being proved.</summary>
    private Proof? _running;

    public AcceleratorActor(IAcceleratorProof proof, ProofOptions options)
    {
        (_proof, _options) = (proof, options);
        Receive<ResolveAccelerator>(Resolve);
        Receive<Looked>(OnLooked);
        Receive<Proved>(OnProved);
        Receive<Again>(again => { if (_asked.ContainsKey(again.Pool)) Prove(again.Pool); });
        Receive<Recalled>(OnRecalled);
        Receive<ProveKvmAnew>(_ => ForgetRefusals(Sender));
        Receive<Forgotten>(OnForgotten);
        Receive<Terminated>(gone => Forget(gone.ActorRef));
    }

    public ITimerScheduler Timers { get; set; } = null!;

    protected override void PostStop() => _whole.Cancel();

    /// <summary>Pools do not ask again.</summary>
    protected override void PreRestart(Exception reason, object message)
    {
        foreach (var (pool, question) in _asked) Self.Tell(new Recalled(pool, question));
        base.PreRestart(reason, message);
    }

    private void Resolve(ResolveAccelerator resolve)
    {
        var pool = Sender;
        Forget(pool);
        Context.Watch(pool);
        var question = _asked[pool] = new Question(resolve.Choice == AcceleratorChoice.Auto ? resolve.Spec : null);
        if (question.Spec is not null) Look(pool, question);
        else pool.Tell(new AcceleratorAnswer(Configured with { Accelerator = Named(resolve.Choice) }));
    }

    private static Accelerator Named(AcceleratorChoice choice) => choice == AcceleratorChoice.Kvm ? Accelerator.Kvm : Accelerator.Tcg;

    private void Look(IActorRef pool, Question question) => Task.Run(() => _proof.Remembered(question.Spec!)).PipeTo(Self,
        success: verdict => new Looked(pool, question, verdict),
        failure: _ => new Looked(pool, question, null));

    private void OnLooked(Looked looked)
    {
        // It has asked something else meanwhile, or this actor has restarted and looks again.
        if (!IsOpen(looked.Pool, looked.Question)) return;
        looked.Pool.Tell(new AcceleratorAnswer(looked.Remembered ?? Meanwhile));
        if (looked.Remembered is { } known) looked.Question.Course = ProofCourse.Next(null, known);
        else Prove(looked.Pool);
    }

    private void OnRecalled(Recalled recalled)
    {
        var (pool, question) = (recalled.Pool, new Question(recalled.Question.Spec) { Course = recalled.Question.Course });
        if (!_asked.TryAdd(pool, question)) return;
        Context.Watch(pool);
        if (question.Spec is null) return;
        if (question.Course is null) Look(pool, question);
        else if (!question.Course.Last.Settled) Prove(pool);
    }

    private void Prove(IActorRef pool)
    {
        if (_running?.IsFor(pool) != true && !_waiting.Contains(pool)) _waiting.AddLast(pool);
        Next();
    }

    private void Next()
    {
        if (_running is not null || _waiting.First is not { Value: var pool }) return;
        _waiting.RemoveFirst();
        var question = _asked[pool];
        var proof = _running = new Proof(pool, question, CancellationTokenSource.CreateLinkedTokenSource(_whole.Token));
        _proof.ProveAsync(question.Spec!, ProofCourse.Limits(question.Course, _options), proof.Cancel.Token).PipeTo(Self,
            success: verdict => new Proved(proof, verdict),
            failure: e => new Proved(proof, new AcceleratorVerdict(Accelerator.Tcg, $"TCG, for the proof of KVM itself failed: {e.Message}")
            {
                Outcome = ProofOutcome.NotTried, Cause = VmFailureKind.Internal,
            }));
    }

    private void OnProved(Proved proved)
    {
        // It was begun before a restart of this actor, which begins it anew.
        if (proved.Proof != _running) return;
        _running = null;
        proved.Proof.Cancel.Dispose();
        if (!proved.Proof.GivenUp && IsOpen(proved.Proof.Pool, proved.Proof.Question)) Tell(proved.Proof.Pool, proved.Proof.Question, proved.Verdict);
        Next();
    }

    private void Tell(IActorRef pool, Question question, AcceleratorVerdict verdict)
    {
        var before = question.Course;
        question.Course = ProofCourse.Next(before, verdict);
        if (question.Course.Pause(_options) is { } pause) Timers.StartSingleTimer(pool, new Again(pool), pause);
        if (verdict.IsLike(before?.Last)) _log.Debug("pool {0}: {1}", question.Spec!.Pool, verdict.Reason);
        else if (verdict.Accelerator == Accelerator.Tcg) _log.Warning("pool {0}: {1}", question.Spec!.Pool, verdict.Reason);
        else _log.Info("pool {0}: {1}", question.Spec!.Pool, verdict.Reason);
        pool.Tell(new AcceleratorAnswer(verdict));
    }

    /// <summary>Whoever waits for a first verdict is proved anew, too: its proof may have begun before the cause was gone.</summary>
    private void ForgetRefusals(IActorRef asker)
    {
        var open = _asked.Where(a => a.Value is { Spec: not null } question && question.Course?.Last.Accelerator != Accelerator.Kvm)
            .ToDictionary(a => a.Key, a => a.Value);
        // Before they are forgotten: a proof that ends now is not to be remembered.
        foreach (var pool in open.Keys) GiveUp(pool);
        Task.Run(_proof.ForgetRefusals).PipeTo(Self,
            success: () => new Forgotten(open, asker, null),
            failure: e => new Forgotten(open, asker, e.Message));
    }

    private void OnForgotten(Forgotten forgotten)
    {
        foreach (var (pool, question) in forgotten.Open.Where(o => IsOpen(o.Key, o.Value)))
        {
            question.Course = null;
            Prove(pool);
        }

        forgotten.Asker.Tell(forgotten.Trouble is { } trouble
            ? new KvmNotProved(trouble)
            : new KvmProofsBegun([.. forgotten.Open.Values.Select(question => question.Spec!.Pool)]));
    }

    private bool IsOpen(IActorRef pool, Question question) => _asked.TryGetValue(pool, out var asked) && ReferenceEquals(asked, question);

    private void Forget(IActorRef pool)
    {
        GiveUp(pool);
        _asked.Remove(pool);
    }

    /// <summary>What is being proved for it, or is to be.</summary>
    private void GiveUp(IActorRef pool)
    {
        Timers.Cancel(pool);
        _waiting.Remove(pool);
        if (_running?.IsFor(pool) == true) _running.Cancel.Cancel();
    }

    /// <param name="Spec">Null: its accelerator is named.</param>
    private sealed class Question(VmSpec? spec)
    {
        public VmSpec? Spec { get; } = spec;

        /// <summary>Null: nothing was concluded yet.</summary>
        public ProofCourse? Course { get; set; }
    }

    private sealed record Proof(IActorRef Pool, Question Question, CancellationTokenSource Cancel)
    {
        public bool GivenUp => Cancel.IsCancellationRequested;

        public bool IsFor(IActorRef pool) => Pool.Equals(pool) && !GivenUp;
    }

    private sealed record Looked(IActorRef Pool, Question Question, AcceleratorVerdict? Remembered);
    private sealed record Proved(Proof Proof, AcceleratorVerdict Verdict);
    private sealed record Again(IActorRef Pool);
    private sealed record Recalled(IActorRef Pool, Question Question);
    private sealed record Forgotten(IReadOnlyDictionary<IActorRef, Question> Open, IActorRef Asker, string? Trouble);
}
