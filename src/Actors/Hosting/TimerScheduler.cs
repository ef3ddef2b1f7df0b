using System.Collections.Concurrent;
using System.Diagnostics;
using Akka.Actor;
using Akka.Configuration;
using Akka.Dispatch;
using Akka.Event;

namespace VmCacheCluster.Actors.Hosting;

/// <summary>
/// Akka's scheduler on the runtime's own timers. Akka's default is a wheel that turns whether or not anything is due: four
/// wake-ups a tick, which is most of what an idle daemon costs, and timers no finer than the tick.
/// </summary>
public sealed class TimerScheduler(Config config, ILoggingAdapter log) : SchedulerBase(config, log), IDisposable
{
    private readonly ILoggingAdapter _log = log;
    private readonly ConcurrentDictionary<ScheduledWork, byte> _pending = new();

    /// <summary>How many things are due at some time.</summary>
    internal int Pending => _pending.Count;

    protected override DateTimeOffset TimeNow => TimeProvider.System.GetUtcNow();

    public override TimeSpan MonotonicClock => Stopwatch.GetElapsedTime(0);

    public override TimeSpan HighResMonotonicClock => Stopwatch.GetElapsedTime(0);

    /// <summary>Akka does so when its system has ended: what is pending is dropped.</summary>
    public void Dispose()
    {
        foreach (var (work, _) in _pending) work.Dispose();
    }

    protected override void InternalScheduleTellOnce(TimeSpan delay, ICanTell receiver, object message, IActorRef sender, ICancelable cancelable)
        => Once(delay, () => receiver.Tell(message, sender), cancelable);

    protected override void InternalScheduleTellRepeatedly(
        TimeSpan initialDelay, TimeSpan interval, ICanTell receiver, object message, IActorRef sender, ICancelable cancelable)
        => Repeatedly(initialDelay, interval, () => receiver.Tell(message, sender), cancelable);

    protected override void InternalScheduleOnce(TimeSpan delay, Action action, ICancelable cancelable) => Once(delay, action, cancelable);

    protected override void InternalScheduleOnce(TimeSpan delay, IRunnable action, ICancelable cancelable) => Once(delay, action.Run, cancelable);

    protected override void InternalScheduleRepeatedly(TimeSpan initialDelay, TimeSpan interval, Action action, ICancelable cancelable)
        => Repeatedly(initialDelay, interval, action, cancelable);

    protected override void InternalScheduleRepeatedly(TimeSpan initialDelay, TimeSpan interval, IRunnable action, ICancelable cancelable)
        => Repeatedly(initialDelay, interval, action.Run, cancelable);

    private void Once(TimeSpan delay, Action action, ICancelable? cancelable) => Start(new ScheduledWork(action, null, _pending, _log), delay, cancelable);

    private void Repeatedly(TimeSpan delay, TimeSpan interval, Action action, ICancelable? cancelable)
        => Start(new ScheduledWork(action, interval, _pending, _log), delay, cancelable);

    private static void Start(ScheduledWork work, TimeSpan delay, ICancelable? cancelable)
    {
        if (cancelable is { IsCancellationRequested: true }) return;
        work.Start(delay, cancelable?.Token ?? CancellationToken.None);
    }
}
