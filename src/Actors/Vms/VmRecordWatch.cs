using Akka.Actor;
using Akka.Event;

namespace VmCacheCluster.Actors.Vms;

/// <summary>
/// Looks now and then whether what is on record of the VM is still there, for a holder that never renews (Kata's) needs it as well. Part of
/// the VM's actor.
/// </summary>
internal sealed class VmRecordWatch(VmState state, IVmWork work, Func<ITimerScheduler> timers, ILoggingAdapter log)
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(5);

    /// <summary>A warm VM without a record is no loss but that of its boot, and there are many that nobody asks anything.</summary>
    private static readonly TimeSpan WhilePooled = TimeSpan.FromSeconds(30);

    private string? _told;
    private bool _pooled;

    /// <summary>Its process is ours to watch from now on.</summary>
    public void Start()
    {
        _pooled = state.Life.Pooled;
        timers().StartSingleTimer(nameof(RecordCheckDue), RecordCheckDue.Instance, _pooled ? WhilePooled : Interval);
    }

    /// <summary>It may have been handed out.</summary>
    public void Watch()
    {
        if (_pooled && !state.Life.Pooled && !state.Life.Ended) Start();
    }

    public void Look()
    {
        if (state.Vm is not { } vm || state.Life.Ended) return;
        vm.KeepRecordAsync(CancellationToken.None).PipeTo(work.Self, success: lost => new RecordChecked(lost, null), failure: e => new RecordChecked(null, e.Message));
    }

    public void Checked(RecordChecked done)
    {
        if (state.Life.Ended) return;
        if (done.Lost is { } lost) log.Warning("VM {0}: {1}", state.Plan.Id, lost);
        if (done.Problem is { } problem && problem != _told) log.Error("VM {0}: a restart of the daemon would lose it, for it is not on record: {1}", state.Plan.Id, problem);
        _told = done.Problem;
        Start();
    }
}

internal sealed record RecordCheckDue { public static readonly RecordCheckDue Instance = new(); }

/// <param name="Lost">What was missing and is written again.</param>
/// <param name="Problem">Why it could not be written.</param>
internal sealed record RecordChecked(string? Lost, string? Problem);
