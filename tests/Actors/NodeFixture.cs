using Akka.Actor;
using Akka.TestKit;
using Akka.TestKit.Xunit2;
using VmCacheCluster.Actors.Gateway;
using VmCacheCluster.Actors.Hosting;
using VmCacheCluster.Actors.Node;
using VmCacheCluster.Actors.Vms;
using VmCacheCluster.Domain;
using VmCacheCluster.Domain.Ports;
using VmCacheCluster.Tests.TestSupport.Fakes;

namespace VmCacheCluster.Tests.Actors;

/// <summary>A node with fakes behind its ports, wired as in production. Time passes when a test says so.</summary>
public abstract class NodeFixture : TestKit
{
    private const string Hocon = """
        akka.loglevel = WARNING
        akka.test.default-timeout = 20s
        """;

    protected static readonly VmSpec Spec = new()
    {
        Pool = PoolName.Default, Qemu = "/usr/bin/qemu-system-x86_64", Kernel = "/k", Initrd = "/i",
    };

    /// <param name="scheduler">Of timers; the default one's time passes when a test says so.</param>
    protected NodeFixture(string scheduler = "Akka.TestKit.TestScheduler, Akka.TestKit")
        : base($"akka.scheduler.implementation = \"{scheduler}\"\n{Hocon}") => Templates = new FakeTemplates(Hypervisor);

    protected FakeHypervisor Hypervisor { get; } = new();

    protected FakeTemplates Templates { get; }

    /// <summary>Null: the host is alone.</summary>
    protected ITemplatePeers? Peers { get; init; }

    protected FakeClock Clock { get; } = new();

    protected FakeProof Proof { get; } = new();

    protected FakeMemory Memory { get; } = new();

    /// <summary>By which the age of what is known is measured; not that of timers.</summary>
    protected TimeProvider Wall { get; init; } = TimeProvider.System;

    protected FakeRollouts Rollouts { get; } = new();

    protected MemoryLimits Limits { get; init; } = new(0, null);

    private IActorRef _daemon = ActorRefs.Nobody;

    protected EventJournal Journal { get; private set; } = null!;

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

    protected bool WasCordoned { get; set; }

    protected async Task StartAsync(int parallelism, params PoolOptions[] pools)
    {
        var ports = new NodePorts(new VmPorts(Hypervisor.ForOneDaemon(), Clock, Wall, Templates) { Peers = Peers }, Proof, () => 0.5) { Memory = Memory, Rollouts = Rollouts, WasCordoned = () => WasCordoned };
        var started = CreateTestProbe();
        _daemon = Sys.ActorOf(Props.Create(() => new Guardian(new NodePlan(pools, parallelism) { Memory = Limits }, ports, started)));
        Journal = ports.Journal;
        Node = await started.ExpectMsgAsync<IActorRef>();
        Gateway = await VmCacheNodeHosting.GatewayAsync(Node);
    }

    protected Task StartAsync(params PoolOptions[] pools) => StartAsync(4, pools);

    /// <summary>kill -9 of the daemon, then another one over the same VMs.</summary>
    protected async Task CrashAsync(params PoolOptions[] pools)
    {
        await KillAsync();
        await StartAsync(pools);
    }

    protected async Task KillAsync()
    {
        Hypervisor.Kill();
        await EndActorsAsync();
    }

    /// <summary>SIGTERM of the daemon.</summary>
    protected async Task TerminateAsync()
    {
        await Node.Ask<NodeStopped>(new StopNode("the daemon is stopping"), TimeSpan.FromSeconds(20));
        await EndActorsAsync();
    }

    protected FakeMachine Machine(VmId id) => Hypervisor.Vms[id].Machine;

    protected Task<object> AskVmAsync(object message) => Gateway.Ask<object>(message, TimeSpan.FromSeconds(20));

    protected AcquireBaseVm AcquireV1(LeaseWish? wish = null, double seconds = 30)
        => Acquire(seconds: seconds) with { Path = HandOutPath.V1, Wish = wish ?? Wish() };

    protected async Task<BaseVmGranted> LeaseAsync(LeaseWish? wish = null)
        => Assert.IsType<BaseVmGranted>(await AskAsync(AcquireV1(wish)));

    protected async Task<AcquireRefused> RefusedAsync(LeaseWish? wish = null)
        => Assert.IsType<AcquireRefused>(await AskAsync(AcquireV1(wish)));

    protected static LeaseWish Wish(
        int cpus = 0, int memory = 0, string? sandbox = null, double? ttl = null, string key = "", WarmWish warm = WarmWish.Prefer,
        LateBinding? binding = null, bool holdsAgent = false)
        => new(cpus, memory, sandbox is null ? null : SandboxOf(sandbox), new Dictionary<string, string> { ["app"] = "spec" },
            ttl is { } seconds ? TimeSpan.FromSeconds(seconds) : null, key, warm, binding ?? LateBinding.None, holdsAgent);

    protected static SandboxId SandboxOf(string text) => SandboxId.TryParse(text, out var id) ? id : throw new ArgumentException(text);

    protected static PoolOptions Growing(PoolOptions pool)
        => pool with { Spec = pool.Spec with { MaxCpus = 4, MemorySlots = 2, MaxMemoryMiB = 1024 } };

    private async Task EndActorsAsync() => Assert.True(await _daemon.GracefulStop(TimeSpan.FromSeconds(20)));

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
