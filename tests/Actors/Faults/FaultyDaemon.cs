using Akka.Actor;
using VmCacheCluster.Actors.Gateway;
using VmCacheCluster.Actors.Hosting;
using VmCacheCluster.Actors.Node;
using VmCacheCluster.Actors.Vms;
using VmCacheCluster.Domain;
using VmCacheCluster.Domain.Ports;
using VmCacheCluster.Tests.Actors.Crash;
using VmCacheCluster.Tests.TestSupport.Fakes;
using VmCacheCluster.Tests.TestSupport.Faults;
using VmCacheCluster.Tests.TestSupport.History;

namespace VmCacheCluster.Tests.Actors.Faults;

/// <summary>A daemon on a host in memory, one call of whose ports may fail.</summary>
internal sealed class FaultyDaemon
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);
    private static int _lives;

    private readonly CrashHost _host;
    private readonly IReadOnlyList<PoolOptions> _pools;
    private IActorRef _guardian = ActorRefs.Nobody;
    private IActorRef _node = ActorRefs.Nobody;

    private FaultyDaemon(CrashHost host, IReadOnlyList<PoolOptions> pools) => (_host, _pools) = (host, pools);

    public IActorRef Gateway { get; private set; } = ActorRefs.Nobody;

    public static async Task<FaultyDaemon> StartAsync(
        ActorSystem system, CrashHost host, FakeTemplates templates, PortFaults faults, params IReadOnlyList<PoolOptions> pools)
    {
        var daemon = new FaultyDaemon(host, pools);
        host.History.Add(new HistoryEvent.DaemonStarted());
        var vms = new VmPorts(faults.Around(host.Hypervisor.ForOneDaemon()), host.Clock, TimeProvider.System, faults.Around<ITemplates>(templates))
        {
            Peers = faults.Around<ITemplatePeers>(new FakePeers()),
        };
        var started = new TaskCompletionSource<IActorRef>();
        daemon._guardian = system.ActorOf(
            Props.Create(() => new Guardian(new NodePlan(pools, 4), new NodePorts(vms, new FakeProof(), () => 0.5), started)), $"faulty-{Interlocked.Increment(ref _lives)}");
        daemon._node = await started.Task;
        daemon.Gateway = await VmCacheNodeHosting.GatewayAsync(daemon._node);
        return daemon;
    }

    public Task<object> AskAsync(object question) => Gateway.Ask<object>(question, Patience);

    public async Task<IReadOnlyList<PoolView>> LookAsync()
    {
        var view = (NodeView)await AskAsync(GetNodeView.Instance);
        return view.Starting || view.Pools.Count < _pools.Count ? [] : view.Pools;
    }

    /// <summary>Waits until each pool is at its target or, once it is drained, empty, and each VM of the host is one that the daemon has.</summary>
    public async Task RestAsync(bool drained = false)
    {
        for (var looks = 1; ; looks++)
        {
            var pools = await LookAsync();
            var vms = pools.SelectMany(p => p.Vms).ToList();
            var left = _host.Hypervisor.Vms.Values.Where(v => v.Machine.OnDisk || v.Alive).Select(v => v.Facts.Id).ToHashSet();
            bool found;
            lock (_host.Hypervisor.Found) found = _host.Hypervisor.Found.Count > 0;
            if (pools.Count > 0 && !found && left.SetEquals(vms.Select(v => v.Id)) && vms.All(v => v.Life.Phase is VmPhase.Warm or VmPhase.Leased)
                && pools.All(p => p is { Warming: 0, Waiting: 0 } && p.Warm == (drained ? 0 : p.Target)))
            {
                _host.History.Add(new HistoryEvent.Looked(_host.Now, vms.Where(v => v.Life.Phase == VmPhase.Leased).ToDictionary(v => v.Id, v => v.Lease?.Token)));
                _host.History.Add(new HistoryEvent.Ended(left, [.. vms.Select(v => v.Id)]));
                return;
            }

            if (looks == 1500)
                throw new InvalidOperationException($"no rest: on the host {string.Join(' ', left)}\n{string.Join('\n', pools.Select(p => $"{p}\n{string.Join('\n', p.Vms)}\n{string.Join('\n', p.Events)}"))}");
            // Retries, back-offs and looks are due when time goes on.
            if (looks % 20 == 0) _host.Advance(TimeSpan.FromSeconds(1));
        }
    }

    /// <summary>kill -9: the VMs live on.</summary>
    public async Task KillAsync()
    {
        _host.Hypervisor.Kill();
        _host.History.Add(new HistoryEvent.DaemonKilled());
        Assert.True(await _guardian.GracefulStop(Patience));
    }

    /// <summary>SIGTERM.</summary>
    public async Task TerminateAsync()
    {
        await _node.Ask<NodeStopped>(new StopNode("the daemon is stopping"), Patience);
        Assert.True(await _guardian.GracefulStop(Patience));
    }

    private sealed class Guardian : ReceiveActor
    {
        public Guardian(NodePlan plan, NodePorts ports, TaskCompletionSource<IActorRef> started)
            => started.SetResult(VmCacheNodeHosting.StartNode(Context, plan, ports));

        protected override SupervisorStrategy SupervisorStrategy() => new OneForOneStrategy(_ => Directive.Restart);
    }
}
