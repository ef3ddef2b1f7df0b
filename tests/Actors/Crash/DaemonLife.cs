using Akka.Actor;
using VmCacheCluster.Actors.Gateway;
using VmCacheCluster.Actors.Hosting;
using VmCacheCluster.Actors.Node;
using VmCacheCluster.Actors.Vms;
using VmCacheCluster.Domain;
using VmCacheCluster.Domain.Ports;
using VmCacheCluster.Tests.TestSupport.Fakes;
using VmCacheCluster.Tests.TestSupport.History;
using VmCacheCluster.Tests.TestSupport.Steps;

namespace VmCacheCluster.Tests.Actors.Crash;

/// <summary>One life of the daemon, which is killed at one of its steps, or when a round says so.</summary>
internal sealed class DaemonLife : IStepObserver
{
    private static int _lives;

    private readonly CrashHost _host;
    private readonly TaskCompletionSource _dead = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _stepsLeft;
    private int _killed;
    private IActorRef _guardian = ActorRefs.Nobody;

    /// <param name="steps">It is killed before or after its step of this number; each counts twice.</param>
    private DaemonLife(CrashHost host, int steps) => (_host, _stepsLeft) = (host, steps);

    public IActorRef Gateway { get; private set; } = ActorRefs.Nobody;

    /// <summary>Before its first step fails of it: whatever it would do about that, a dead daemon does not.</summary>
    public bool Dead => Volatile.Read(ref _killed) != 0;

    public string LastStep { get; private set; } = "";

    public static async Task<DaemonLife> StartAsync(ActorSystem system, CrashHost host, PoolOptions pool, int steps)
    {
        var life = new DaemonLife(host, steps);
        host.History.Add(new HistoryEvent.DaemonStarted());
        var hypervisor = new ObservedHypervisor(host.Hypervisor.ForOneDaemon(), life);
        var ports = new NodePorts(new VmPorts(hypervisor, host.Clock, TimeProvider.System), new FakeProof(), () => 0.5);
        var started = new TaskCompletionSource<IActorRef>();
        life._guardian = system.ActorOf(Props.Create(() => new Guardian(new NodePlan(new[] { pool }, 4), ports, started)), $"life-{Interlocked.Increment(ref _lives)}");
        life.Gateway = await VmCacheNodeHosting.GatewayAsync(await started.Task);
        return life;
    }

    public void Before(VmId vm, string step)
    {
        if (Dead) throw Killed();
        if (step == "Create") _host.History.Add(new HistoryEvent.Made(vm));
        if (step is "Stop" or "Reap") _host.History.Add(new HistoryEvent.Destroyed(vm, _host.Latest));
        Count($"before {step}");
    }

    public void After(VmId vm, string step) => Count($"after {step}");

    /// <summary>The answer; null when the daemon died first.</summary>
    public async Task<object?> AskAsync(object question)
    {
        var answer = Gateway.Ask<object>(question, TimeSpan.FromSeconds(30));
        return await Task.WhenAny(answer, _dead.Task) == answer ? await answer : null;
    }

    /// <summary>The answer of a VM's holder; null also when the VM ended at that moment, which leaves its last mail unanswered.</summary>
    public async Task<object?> AskOfVmAsync(object question)
    {
        var answer = Gateway.Ask<object>(question, TimeSpan.FromSeconds(2));
        await Task.WhenAny(answer, _dead.Task);
        return answer.IsCompletedSuccessfully ? await answer : null;
    }

    /// <summary>Its only pool; null when the daemon died first.</summary>
    public async Task<PoolView?> LookAsync()
    {
        while (await AskAsync(GetNodeView.Instance) is NodeView view)
        {
            if (view.Starting || view.Pools.Count == 0) continue;
            _host.History.Add(new HistoryEvent.Counted(view.Pools[0].Target, view.Pools[0].Warm, view.Pools[0].Warming));
            return view.Pools[0];
        }

        return null;
    }

    /// <summary>Whoever kills it, it is dead for all when this ends: a kill that is still on its way would hit the next one.</summary>
    public Task KillAsync()
    {
        Kill();
        return _dead.Task;
    }

    private void Kill()
    {
        if (Interlocked.Exchange(ref _killed, 1) != 0) return;
        _host.Hypervisor.Kill();
        _host.History.Add(new HistoryEvent.DaemonKilled());
        _dead.SetResult();
    }

    /// <summary>Its actors are gone, which in truth they are at once.</summary>
    public Task BuryAsync() => _guardian.GracefulStop(TimeSpan.FromSeconds(30));

    private void Count(string step)
    {
        if (Interlocked.Decrement(ref _stepsLeft) == 0)
        {
            LastStep = step;
            Kill();
        }

        if (Dead) throw Killed();
    }

    private static VmFailedException Killed() => new(new VmFailure(VmFailureKind.Cancelled, "the daemon was killed"));

    private sealed class Guardian : ReceiveActor
    {
        public Guardian(NodePlan plan, NodePorts ports, TaskCompletionSource<IActorRef> started)
            => started.SetResult(VmCacheNodeHosting.StartNode(Context, plan, ports));

        protected override SupervisorStrategy SupervisorStrategy() => new OneForOneStrategy(_ => Directive.Restart);
    }
}
