using System.Collections.Concurrent;
using Akka.Event;

namespace VmCacheCluster.Actors.Hosting;

/// <summary>One thing that is due, once or again and again, until it is cancelled.</summary>
internal sealed class ScheduledWork : IDisposable
{
    /// <summary>The runtime's timers reach 49 days; what is due later is armed again on the way.</summary>
    private static readonly TimeSpan Longest = TimeSpan.FromDays(40);

    private readonly Action _action;
    private readonly TimeSpan? _interval;
    private readonly ConcurrentDictionary<ScheduledWork, byte> _pending;
    private readonly ILoggingAdapter _log;
    private readonly Timer _timer;
    private CancellationTokenRegistration _cancelled;
    private TimeSpan _left;

    public ScheduledWork(Action action, TimeSpan? interval, ConcurrentDictionary<ScheduledWork, byte> pending, ILoggingAdapter log)
    {
        (_action, _interval, _pending, _log) = (action, interval, pending, log);
        _timer = new Timer(static work => ((ScheduledWork)work!).OnTimer(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    public void Start(TimeSpan delay, CancellationToken cancel)
    {
        _pending[this] = 0;
        _left = delay;
        Arm();
        // After this one may have been disposed already, which is no harm to a registration that then finds nothing to do.
        _cancelled = cancel.UnsafeRegister(static work => ((ScheduledWork)work!).Dispose(), this);
    }

    public void Dispose()
    {
        _pending.TryRemove(this, out _);
        _timer.Dispose();
    }

    private void OnTimer()
    {
        if (_left > TimeSpan.Zero)
        {
            Arm();
            return;
        }

        if (!_pending.ContainsKey(this)) return;
        Run();
        if (_interval is { } interval)
        {
            _left = interval;
            Arm();
            return;
        }

        Dispose();
        _cancelled.Dispose();
    }

    private void Run()
    {
        try
        {
            _action();
        }
        catch (Exception fault)
        {
            _log.Error(fault, "what was scheduled failed");
        }
    }

    private void Arm()
    {
        var due = _left < Longest ? _left : Longest;
        _left -= due;
        try
        {
            _timer.Change(due, Timeout.InfiniteTimeSpan);
        }
        catch (ObjectDisposedException)
        {
            // Cancelled meanwhile.
        }
    }
}
