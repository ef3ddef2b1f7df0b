using Akka.Actor;
using Akka.TestKit;
using Akka.TestKit.Xunit2;
using VmCacheCluster.Actors.Gateway;
using VmCacheCluster.Actors.Hosting;
using VmCacheCluster.Actors.Node;
using VmCacheCluster.Actors.Vms;
using VmCacheCluster.Domain;
using VmCacheCluster.Tests.TestSupport.Fakes;

namespace VmCacheCluster.Tests.Actors;

/// <summary>A node with fakes behind its ports, wired as in production. Time passes when a test says so.</summary>
public abstract class NodeFixture : TestKit
{
    private const string Hocon = """
        akka.scheduler.implementation = "Akka.TestKit.TestScheduler, Akka.TestKit"
        akka.loglevel = WARNING
        akka.test.default-timeout = 20s
        """;

    protected static readonly VmSpec Spec = new()
    {
        Pool = PoolName.Default, Qemu = "/usr/bin/qemu-system-x86_64", Kernel = "/k", Initrd = "/i",
    };

    protected NodeFixture() : base(Hocon)
    {
    }

    protected FakeHypervisor Hypervisor { get; } = new();

    protected FakeClock Clock { get; } = new();

    protected FakeProof Proof { get; } = new();

    protected IActorRef Node { get; private set; } = null!;

    protected IActorRef Gateway { get; private set; } = null!;

    protected TestScheduler Time => (TestScheduler)Sys.Scheduler;

    protected static PoolOptions Pool(string name = "default", int number = 2, Func<PoolOptions, PoolOptions>? with = null)
    {
        var options = new PoolOptions
        {
            Name = new PoolName(name), Spec = Spec with { Pool = new PoolName(name) }, VmCacheNumber = number,
            Accelerator = AcceleratorChoice.Tcg,
            GracePeriod = TimeSpan.FromSeconds(30),
            Lease = new LeaseLimits(TimeSpan.FromMinutes(10), TimeSpan.FromHours(24)),
            BootTimeout = TimeSpan.FromSeconds(60),
            MaxWaiting = 256,
            Backoff = new BackoffOptions(TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(60), 0.2),
        };
        return with is null ? options : with(options);
    }

    protected async Task StartAsync(int parallelism, params PoolOptions[] pools)
    {
        var ports = new NodePorts(new VmPorts(Hypervisor, Clock, TimeProvider.System), Proof, () => 0.5);
        var started = CreateTestProbe();
        Sys.ActorOf(Props.Create(() => new Guardian(new NodePlan(pools, parallelism), ports, started)), "host");
        Node = await started.ExpectMsgAsync<IActorRef>();
        Gateway = await VmCacheNodeHosting.GatewayAsync(Node);
    }

    protected Task StartAsync(params PoolOptions[] pools) => StartAsync(4, pools);

    protected Task<NodeView> LookAsync() => Gateway.Ask<NodeView>(GetNodeView.Instance, TimeSpan.FromSeconds(20));

    protected async Task<PoolView> PoolAsync(string name = "default") => (await LookAsync()).Pools.Single(p => p.Name.Value == name);

    protected Task<PoolView> UntilAsync(Func<PoolView, bool> condition, string name = "default")
        => UntilAsync(async () => await PoolAsync(name), condition);

    protected async Task<T> UntilAsync<T>(Func<Task<T>> look, Func<T, bool> condition)
    {
        T seen = default!;
        await AwaitAssertAsync(async () =>
        {
            seen = await look();
            Assert.True(condition(seen), $"not yet: {seen}");
        }, TimeSpan.FromSeconds(20));
        return seen;
    }

    protected AcquireBaseVm Acquire(string pool = "default", double seconds = 30)
        => new(new AcquireTicket(), new PoolName(pool), HandOutPath.Kata, TimeSpan.FromSeconds(seconds));

    protected async Task<IAcquireAnswer> AskAsync(AcquireBaseVm acquire)
    {
        Gateway.Tell(acquire);
        return await acquire.Ticket.Answer.WaitAsync(TimeSpan.FromSeconds(20));
    }

    /// <summary>As a caller leaves that has had no answer.</summary>
    protected void Leave(AcquireBaseVm acquire)
    {
        Assert.True(acquire.Ticket.TryAbandon());
        Gateway.Tell(new AcquireAbandoned(acquire.Ticket, acquire.Pool));
    }

    /// <summary>What never ends by itself.</summary>
    protected static Task Never(CancellationToken cancel) => new TaskCompletionSource().Task.WaitAsync(cancel);

    protected async Task<BaseVmGranted> TakeAsync()
    {
        var granted = Assert.IsType<BaseVmGranted>(await AskAsync(Acquire()));
        return granted;
    }

    /// <summary>Restarts the node whatever fails it; Akka's own guardian would stop an actor that a test kills.</summary>
    private sealed class Guardian : ReceiveActor
    {
        public Guardian(NodePlan plan, NodePorts ports, IActorRef started)
            => started.Tell(VmCacheNodeHosting.StartNode(Context, plan, ports));

        protected override SupervisorStrategy SupervisorStrategy() => new OneForOneStrategy(_ => Directive.Restart);
    }
}
