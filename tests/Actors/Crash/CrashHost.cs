using Akka.Actor;
using Akka.TestKit;
using VmCacheCluster.Domain;
using VmCacheCluster.Domain.Ports;
using VmCacheCluster.Tests.TestSupport.Fakes;
using VmCacheCluster.Tests.TestSupport.History;

namespace VmCacheCluster.Tests.Actors.Crash;

/// <summary>What outlives the daemon in a round: the host's VMs and clock, and the history of it all.</summary>
internal sealed class CrashHost(TestScheduler scheduler, int seed)
{
    private static readonly VmStep[] Failing =
        [VmStep.Create, VmStep.Agent, VmStep.Check, VmStep.Pause, VmStep.Resume, VmStep.OpenGuest, VmStep.Prepare, VmStep.Assign, VmStep.Attach];

    private readonly Lock _gate = new();
    private readonly Random _faults = new(seed);
    private readonly FakeClock _clock = new();
    private TimeSpan _ahead;

    public FakeHypervisor Hypervisor { get; } = new();

    public IHostClock Clock => _clock;

    public HistoryRecorder History { get; } = new();

    /// <summary>As clients' clocks have it: nothing that is asked for now is promised from an earlier time.</summary>
    public TimeSpan Now => _clock.Now.SinceBoot;

    /// <summary>What happens now does not happen later than this.</summary>
    public TimeSpan Latest
    {
        get { lock (_gate) return _clock.Now.SinceBoot + _ahead; }
    }

    /// <summary>Lets steps fail by themselves now and then.</summary>
    public void FailSometimes() => Hypervisor.Script = (_, step, _) =>
    {
        bool fails;
        lock (_gate) fails = Failing.Contains(step) && _faults.Next(40) == 0;
        return fails ? Task.FromException(new VmFailedException(new VmFailure(VmFailureKind.Host, $"{step} failed"))) : Task.CompletedTask;
    };

    public void FailNoMore() => Hypervisor.Script = (_, _, _) => Task.CompletedTask;

    /// <summary>Timers first: one that is set meanwhile is late then, and never early.</summary>
    public void Advance(TimeSpan time)
    {
        lock (_gate) _ahead = time;
        scheduler.Advance(time);
        lock (_gate)
        {
            _clock.Now = _clock.Now with { SinceBoot = _clock.Now.SinceBoot + time };
            _ahead = TimeSpan.Zero;
        }
    }
}
