using System.Threading.Channels;

namespace VmCacheCluster.Tests.Unit.Client;

/// <summary>A clock that passes when a test says so, and timers that fire when a test says so.</summary>
internal sealed class StepTime : TimeProvider
{
    private readonly Channel<StepTimer> _timers = Channel.CreateUnbounded<StepTimer>();
    private long _now;
    private StepTimer? _waiting;

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    public override long GetTimestamp() => Interlocked.Read(ref _now);

    public void Pass(TimeSpan time) => Interlocked.Add(ref _now, time.Ticks);

    /// <summary>How long the next timer is to run.</summary>
    public async Task<TimeSpan> NextDelayAsync()
    {
        _waiting = await _timers.Reader.ReadAsync().AsTask().WaitAsync(TimeSpan.FromSeconds(60));
        return _waiting.Due;
    }

    /// <summary>Fires the timer that was seen last.</summary>
    public void Fire() => _waiting!.Fire();

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        var timer = new StepTimer(callback, state, dueTime);
        _timers.Writer.TryWrite(timer);
        return timer;
    }

    private sealed class StepTimer(TimerCallback callback, object? state, TimeSpan due) : ITimer
    {
        public TimeSpan Due { get; } = due;

        public void Fire() => callback(state);

        public bool Change(TimeSpan dueTime, TimeSpan period) => true;

        public void Dispose()
        {
        }

        public ValueTask DisposeAsync() => ValueTask.CompletedTask;
    }
}
