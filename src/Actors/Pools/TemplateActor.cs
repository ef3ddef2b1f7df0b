using Akka.Actor;
using Akka.Event;
using VmCacheCluster.Actors.Vms;
using VmCacheCluster.Domain;
using VmCacheCluster.Domain.Ports;

namespace VmCacheCluster.Actors.Pools;

/// <summary>
/// A pool's template: finds it, takes it from another host or makes it when there is none or what shaped it has changed, and renews it when
/// it is old. The one before serves until its successor is proved.
/// </summary>
public sealed class TemplateActor : ReceiveActor, IWithTimers
{
    private static readonly TimeSpan LookAgain = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan Sweep = TimeSpan.FromHours(1);
    private const string Retry = nameof(Retry);
    private const string Own = "made and proved";

    /// <summary>A pool of the same name may clone another template elsewhere, and its host's operator wonders why it was not taken.</summary>
    private const string OnlyHere = $"{Own}; no other node gives the same one (QEMU, guest, settings, CPU and accelerator must agree)";

    private readonly PoolName _pool;
    private readonly PoolSurroundings _around;
    private readonly ILoggingAdapter _log = Context.GetLogger();
    private readonly CancellationTokenSource _whole = new();

    private VmSpec? _spec;
    private PoolOptions _options = null!;
    private Template? _current, _suspected;
    private bool _looking, _wanted, _anew, _slotAsked;
    private Task _making = Task.CompletedTask;
    private Work? _work;
    private int _failures, _published;
    private VmFailure? _told;

    public TemplateActor(PoolName pool, PoolSurroundings around)
    {
        (_pool, _around) = (pool, around);
        Receive<WantTemplate>(OnWant);
        Receive<LookDue>(_ => Look());
        Receive<Found>(OnFound);
        Receive<LookFailed>(OnLookFailed);
        Receive<TemplateSuspected>(OnSuspected);
        Receive<BootSlotGranted>(_ => OnSlot());
        Receive<BootSlotWithheld>(withheld => Context.Parent.Tell(withheld));
        Receive<NotTaken>(OnNotTaken);
        Receive<Made>(OnMade);
        Receive<MakeFailed>(OnMakeFailed);
        Receive<SweepDue>(_ => OnSweep());
        Receive<StopTemplate>(_ => OnStop());
    }

    public ITimerScheduler Timers { get; set; } = null!;

    protected override void PostStop() => _whole.Cancel();

    private void OnWant(WantTemplate want)
    {
        _options = want.Options;
        if (_spec == want.Spec) return;
        (_spec, _current, _told, _failures, _wanted) = (want.Spec, null, null, 0, false);
        // How it went with others says nothing about this one; nor is anybody served by what is being made of them.
        Timers.Cancel(Retry);
        _work?.GiveUp();
        Timers.StartPeriodicTimer(nameof(SweepDue), SweepDue.Instance, Sweep);
        Look();
    }

    /// <summary>What shapes a template may change at any time; a look costs little when it has not.</summary>
    private void Look()
    {
        if (_looking || _spec is not { } spec) return;
        _looking = true;
        LookAsync(_around.Ports, spec, _published, _whole.Token).PipeTo(Self,
            success: found => found,
            failure: e => new LookFailed(spec, Vms.Failures.From(e, TimeSpan.Zero)));
    }

    private static async Task<Found> LookAsync(VmPorts ports, VmSpec spec, int published, CancellationToken cancel)
        => await ports.Hypervisor.PreflightAsync(spec, cancel).ConfigureAwait(false) is { } unfit
            ? new Found(spec, null, unfit, published)
            : new Found(spec, await ports.Templates!.FindAsync(spec, cancel).ConfigureAwait(false), null, published);

    private void OnFound(Found found)
    {
        Looked();
        // Another one may have been made since it was looked for.
        if (found.Spec != _spec || found.Published != _published) Look();
        else if (found.Unfit is { } unfit) Failed(unfit);
        else if (found.Template is { } template)
        {
            if (template == _suspected)
            {
                Make(anew: true);
                return;
            }

            if (template != _current) Use(template, told: null);
            if (_options.TemplateMaxAge is { } age && _around.Ports.Time.GetUtcNow() - template.MadeAt >= age) Make(anew: true);
        }
        else Make();
    }

    private void OnLookFailed(LookFailed failed)
    {
        Looked();
        if (failed.Spec != _spec) Look();
        else if (_current is null)
        {
            if (failed.Failure != _told) Context.Parent.Tell(new TemplateNews($"another template is made: {failed.Failure}"));
            Make();
        }
    }

    private void Looked()
    {
        _looking = false;
        Timers.StartSingleTimer(nameof(LookDue), LookDue.Instance, LookAgain);
    }

    private void OnSuspected(TemplateSuspected suspected)
    {
        if (_current != suspected.Template) return;
        _suspected = _current;
        _log.Warning("pool {0}: its template is made anew: {1}", _pool, suspected.Reason);
        Make(anew: true);
    }

    /// <summary>It may be a boot, and waits for its slot as any other.</summary>
    /// <param name="anew">There is one, which is old or under suspicion, and the other hosts may well have the same.</param>
    private void Make(bool anew = false)
    {
        (_wanted, _anew) = (true, anew);
        if (_slotAsked || _work is not null || Timers.IsTimerActive(Retry)) return;
        _slotAsked = true;
        _around.BootSlots.Tell(new AskBootSlot(MemoryPolicy.NeedOf(_options.Spec, clone: false)));
    }

    private void OnSlot()
    {
        _slotAsked = false;
        if (!_wanted || _spec is not { } spec || _work is not null)
        {
            _around.BootSlots.Tell(ReturnBootSlot.Instance);
            return;
        }

        _wanted = false;
        _work = new Work(spec, _whole.Token);
        Context.Parent.Tell(TemplateBegun.Instance);
        if (_around.Ports.Peers is { } peers && !_anew) TakeHere(_work, peers);
        else MakeHere(_work, Own);
    }

    /// <summary>In the slot of the boot that it may save.</summary>
    private void TakeHere(Work work, ITemplatePeers peers)
    {
        var (limit, templates) = (_options.BootTimeout, _around.Ports.Templates!);
        var notBefore = _options.TemplateMaxAge is { } age ? _around.Ports.Time.GetUtcNow() - age : DateTimeOffset.MinValue;
        var taking = WithinAsync(limit, work, cancel => templates.TakeAsync(work.Spec, peers, notBefore, limit, cancel));
        _making = taking;
        taking.PipeTo(
            Self,
            success: taken => taken is null ? new NotTaken(work, null) : new Made(work, taken.Template, $"{taken.Told}, and proved"),
            failure: e => new NotTaken(work, Vms.Failures.From(e, limit)));
    }

    private void OnNotTaken(NotTaken not)
    {
        if (not.Work.GivenUp)
        {
            Ended(not.Work);
            Look();
            return;
        }

        if (not.Failure is { } failure)
        {
            var news = $"its template is made here, for it could not be taken from another node: {failure}";
            _log.Warning("pool {0}: {1}", _pool, news);
            Context.Parent.Tell(new TemplateNews(news));
        }

        MakeHere(not.Work, not.Failure is null ? OnlyHere : Own);
    }

    /// <param name="told">How it came here, for a person.</param>
    private void MakeHere(Work work, string told)
    {
        // The boot, the way down, and the proof.
        var (limit, templates) = (_options.BootTimeout * 2, _around.Ports.Templates!);
        var making = WithinAsync(limit, work, cancel => templates.MakeAsync(work.Spec, limit, cancel));
        _making = making;
        making.PipeTo(Self, success: template => new Made(work, template, told), failure: e => new MakeFailed(work, Vms.Failures.From(e, limit)));
    }

    private async Task<T> WithinAsync<T>(TimeSpan limit, Work work, Func<CancellationToken, Task<T>> obtain)
    {
        using var budget = new CancellationTokenSource(limit, _around.Ports.Time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(budget.Token, work.Cancel);
        return await obtain(either.Token).ConfigureAwait(false);
    }

    /// <summary>Nothing of it is being made any more: its VM is gone.</summary>
    private void Ended(Work work)
    {
        _around.BootSlots.Tell(ReturnBootSlot.Instance);
        _work = null;
        work.Dispose();
    }

    private void OnMade(Made made)
    {
        Ended(made.Work);
        _published++;
        if (made.Work.Spec != _spec)
        {
            Look();
            return;
        }

        _log.Info("pool {0}: its template was {1}", _pool, made.Told);
        Use(made.Template, made.Told);
        OnSweep();
    }

    private void OnMakeFailed(MakeFailed failed)
    {
        Ended(failed.Work);
        if (failed.Work.GivenUp) Look();
        else Failed(failed.Failure);
    }

    private void Failed(VmFailure failure)
    {
        _failures++;
        if (failure != _told)
        {
            _log.Warning("pool {0}: its template cannot be made: {1}", _pool, failure);
            if (_current is null) Context.Parent.Tell(new TemplateFailed(_spec!, failure));
        }

        _told = failure;
        // Before it is made again, somebody else may have made it.
        Timers.StartSingleTimer(Retry, LookDue.Instance, Backoff.Delay(_options.Backoff, failure.Kind, _failures, _around.Random()));
    }

    private void Use(Template template, string? told)
    {
        (_current, _told, _failures) = (template, null, 0);
        Context.Parent.Tell(new TemplateReady(_spec!, template, told));
    }

    private void OnSweep()
    {
        var (log, pool) = (_log, _pool);
        _around.Ports.Templates!.SweepAsync(_around.Templates, _whole.Token).ContinueWith(
            t => log.Warning("pool {0}: old templates could not be removed: {1}", pool, t.Exception!.InnerException!.Message),
            TaskContinuationOptions.OnlyOnFaulted);
    }

    private void OnStop()
    {
        (_spec, _wanted) = (null, false);
        _whole.Cancel();
        var asker = Sender;
        _making.ContinueWith(_ => asker.Tell(TemplateStopped.Instance, ActorRefs.NoSender), TaskScheduler.Default);
    }

    private sealed record LookDue { public static readonly LookDue Instance = new(); }
    private sealed record SweepDue { public static readonly SweepDue Instance = new(); }
    private sealed record Found(VmSpec Spec, Template? Template, VmFailure? Unfit, int Published);
    private sealed record LookFailed(VmSpec Spec, VmFailure Failure);
    private sealed record Made(Work Work, Template Template, string Told);
    private sealed record NotTaken(Work Work, VmFailure? Failure);
    private sealed record MakeFailed(Work Work, VmFailure Failure);

    /// <summary>A template that is being taken or made, in one slot.</summary>
    private sealed class Work(VmSpec spec, CancellationToken whole) : IDisposable
    {
        private readonly CancellationTokenSource _cancel = CancellationTokenSource.CreateLinkedTokenSource(whole);

        public VmSpec Spec { get; } = spec;

        public CancellationToken Cancel => _cancel.Token;

        /// <summary>Its pool wants others, or none.</summary>
        public bool GivenUp => _cancel.IsCancellationRequested;

        public void GiveUp() => _cancel.Cancel();

        public void Dispose() => _cancel.Dispose();
    }
}
