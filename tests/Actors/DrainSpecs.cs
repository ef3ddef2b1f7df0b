using Akka.Actor;
using VmCacheCluster.Actors.Gateway;
using VmCacheCluster.Actors.Node;
using VmCacheCluster.Actors.Vms;
using VmCacheCluster.Domain;
using VmCacheCluster.Tests.TestSupport.Fakes;

namespace VmCacheCluster.Tests.Actors;

public class DrainSpecs : NodeFixture
{
    [Fact]
    public async Task Gives_up_what_is_warm_and_leaves_what_is_leased_alone()
    {
        await StartAsync(Pool(number: 2), Pool("other", 1));
        var leased = await LeaseAsync();
        var taken = await TakeAsync();
        await UntilAsync(p => p is { Warm: 2, Leased: 2 });
        await UntilAsync(p => p.Warm == 1, "other");

        Assert.Equal(new NodeDrained(3, 2), await AskVmAsync(DrainNode.Instance));

        var pool = await UntilAsync(p => p is { Warm: 0, Warming: 0, Leased: 2 } && p.Vms.Count == 2);
        Assert.StartsWith("this host is drained", pool.Reason);
        Assert.Equal(new[] { leased.Facts.Id, taken.Facts.Id }.ToHashSet(), Hypervisor.Alive.Select(v => v.Facts.Id).ToHashSet());
        Assert.IsType<LeaseRenewed>(await AskVmAsync(new RenewLease(leased.Facts.Id, leased.Lease!.Record.Token, null)));
    }

    [Fact]
    public async Task Is_warm_again_when_the_drain_is_undone()
    {
        await StartAsync(Pool(number: 2));
        await UntilAsync(p => p.Warm == 2);
        await AskVmAsync(DrainNode.Instance);
        await UntilAsync(p => p is { Warm: 0, Warming: 0, Open: false });

        await AskVmAsync(new CordonNode(false));

        Assert.Equal("", (await UntilAsync(p => p is { Warm: 2, Open: true })).Reason);
        await TakeAsync();
    }

    [Fact]
    public async Task Stays_cordoned_when_the_daemon_is_started_anew()
    {
        WasCordoned = true;
        await StartAsync(Pool(number: 1));

        Assert.StartsWith("this host is cordoned", (await UntilAsync(p => p is { Cordoned: true, Open: true })).Reason);
        await TakeAsync();
        await UntilAsync(p => p is { Warm: 0, Warming: 0, Leased: 1 });
        Assert.Single(Hypervisor.Alive);

        await AskVmAsync(new CordonNode(false));
        await UntilAsync(p => p is { Warm: 1, Cordoned: false });
    }

    [Fact]
    public async Task Makes_vms_for_callers_alone_while_it_is_cordoned()
    {
        await StartAsync(Pool(number: 1));
        await UntilAsync(p => p.Warm == 1);
        await AskVmAsync(new CordonNode(true));

        await TakeAsync();
        var pool = await UntilAsync(p => p is { Warm: 0, Warming: 0, Leased: 1, Cordoned: true });
        Assert.StartsWith("this host is cordoned", pool.Reason);
        Assert.Equal(Served.OnDemand, (await TakeAsync()).Served);
        await UntilAsync(p => p is { Warm: 0, Warming: 0, Leased: 2 });

        await AskVmAsync(new CordonNode(false));
        await UntilAsync(p => p is { Warm: 1, Leased: 2, Cordoned: false });
    }

    [Fact]
    public async Task Refuses_whoever_asks_or_waits()
    {
        Hypervisor.Script = (_, step, cancel) => step == VmStep.Create ? Never(cancel) : Task.CompletedTask;
        await StartAsync(Pool(number: 0));
        var waiting = AcquireV1(Wish(key: "k"));
        var behind = AcquireV1(Wish(key: "k"));
        Gateway.Tell(waiting);
        Gateway.Tell(behind);
        await UntilAsync(p => p is { Waiting: 1, Warming: 1 });

        Assert.Equal(new NodeDrained(1, 0), await AskVmAsync(DrainNode.Instance));

        foreach (var answer in new[] { waiting.Ticket.Answer, behind.Ticket.Answer, AskAsync(Acquire()), AskAsync(AcquireV1()) })
        {
            var refused = Assert.IsType<AcquireRefused>(await answer.WaitAsync(TimeSpan.FromSeconds(20)));
            Assert.Equal(RefusalKind.Unavailable, refused.Kind);
            Assert.Contains("this host is drained", refused.Reason);
        }

        await UntilAsync(p => p.Vms.Count == 0);
    }

    [Fact]
    public async Task Ends_a_vm_that_comes_back_to_a_drained_pool()
    {
        await StartAsync(Pool(number: 1));
        var granted = await TakeAsync();
        await UntilAsync(p => p is { Warm: 1, Leased: 1 });
        await AskVmAsync(DrainNode.Instance);

        granted.Vm.Tell(new ReturnVm(granted.Facts.Id));

        await UntilAsync(p => p.Vms.Count == 0);
        Assert.Empty(Hypervisor.Alive);
    }

    [Fact]
    public async Task Answers_a_caller_whose_vm_fails_while_the_pool_is_drained()
    {
        var hold = new TaskCompletionSource();
        await StartAsync(Pool(number: 1));
        await UntilAsync(p => p.Warm == 1);
        Hypervisor.Script = async (_, step, cancel) =>
        {
            if (step != VmStep.Record) return;
            await hold.Task.WaitAsync(cancel);
            throw new IOException("No space left on device");
        };
        var acquire = Acquire();
        Gateway.Tell(acquire);
        await UntilAsync(p => p.Leased == 1);
        await AskVmAsync(DrainNode.Instance);
        hold.SetResult();

        var refused = Assert.IsType<AcquireRefused>(await acquire.Ticket.Answer.WaitAsync(TimeSpan.FromSeconds(20)));
        Assert.Equal(RefusalKind.Unavailable, refused.Kind);
    }

    [Fact]
    public async Task Drains_what_an_earlier_daemon_left_when_it_is_told_so_before_it_has_looked()
    {
        await StartAsync(Pool(number: 2));
        await UntilAsync(p => p.Warm == 2);
        var leased = await LeaseAsync();
        await UntilAsync(p => p is { Warm: 2, Leased: 1 });
        await KillAsync();
        var (looking, attaching) = (new TaskCompletionSource(), new TaskCompletionSource());
        Hypervisor.Finding = () => looking.Task;
        Hypervisor.Attaching = _ => attaching.Task;
        await StartAsync(Pool(number: 2));

        var draining = AskVmAsync(DrainNode.Instance);
        Assert.True((await LookAsync()).Starting);
        looking.SetResult();
        Assert.Equal(new NodeDrained(2, 1), await draining);
        attaching.SetResult();

        await UntilAsync(p => p is { Warm: 0, Leased: 1 } && p.Vms.Count == 1);
        Assert.Equal(leased.Facts.Id, Assert.Single(Hypervisor.Alive).Facts.Id);
    }

    [Fact]
    public async Task Stops_only_when_its_warm_vms_are_gone_when_it_was_drained()
    {
        var hold = new TaskCompletionSource();
        Hypervisor.Script = (_, step, cancel) => step == VmStep.Stop ? hold.Task.WaitAsync(cancel) : Task.CompletedTask;
        await StartAsync(Pool(number: 2));
        await UntilAsync(p => p.Warm == 2);

        await Gateway.Ask<NodeDrained>(DrainNode.Instance, TimeSpan.FromSeconds(20));
        var stopped = Node.Ask<NodeStopped>(new StopNode("the daemon is stopping"), TimeSpan.FromSeconds(20));
        await UntilAsync(p => p.Vms.All(v => v.Life.Phase == VmPhase.Stopping));

        Assert.False(stopped.IsCompleted);
        hold.SetResult();
        await stopped;
        Assert.Empty(Hypervisor.Alive);
    }

    [Fact]
    public async Task Stays_drained_when_the_pools_actor_fails()
    {
        await StartAsync(Pool(number: 2));
        var leased = await LeaseAsync();
        await UntilAsync(p => p is { Warm: 2, Leased: 1 });
        await AskVmAsync(DrainNode.Instance);
        await UntilAsync(p => p.Vms.Count == 1);
        var pool = await Sys.ActorSelection(Node.Path / "pool-default").ResolveOne(TimeSpan.FromSeconds(5));

        await EventFilter.Exception<ActorKilledException>().ExpectAsync(1, () =>
        {
            pool.Tell(Kill.Instance);
            return Task.CompletedTask;
        });

        await UntilAsync(p => p is { Warm: 0, Warming: 0, Leased: 1 } && p.Vms.Count == 1 && p.Reason.StartsWith("this host is drained", StringComparison.Ordinal));
        Assert.Equal(RefusalKind.Unavailable, Assert.IsType<AcquireRefused>(await AskAsync(AcquireV1())).Kind);
        Assert.Equal(leased.Facts.Id, Assert.Single(Hypervisor.Alive).Facts.Id);
    }

    [Fact]
    public async Task Gives_a_holder_its_lease_again_when_the_pool_is_drained()
    {
        await StartAsync(Pool(number: 1));
        var first = await LeaseAsync(Wish(key: "k"));
        await AskVmAsync(DrainNode.Instance);

        var again = await LeaseAsync(Wish(key: "k"));

        Assert.Equal((first.Facts.Id, first.Lease!.Record.Token), (again.Facts.Id, again.Lease!.Record.Token));
        Assert.Contains("this host is drained", Assert.IsType<AcquireRefused>(await AskAsync(AcquireV1(Wish(key: "l")))).Reason);
    }
}
