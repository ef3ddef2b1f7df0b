using Akka.Actor;
using VmCacheCluster.Actors.Gateway;
using VmCacheCluster.Actors.Node;
using VmCacheCluster.Domain;
using VmCacheCluster.Domain.Ports;
using VmCacheCluster.Tests.TestSupport.Fakes;

namespace VmCacheCluster.Tests.Actors;

public class HealingSpecs : NodeFixture
{
    [Fact]
    public async Task Keeps_what_an_earlier_daemon_had_warm_or_handed_out_and_ends_the_rest()
    {
        var warm = Left(VmOwnership.Warm);
        var making = Left(VmOwnership.Making);
        var unconfirmed = Left(VmOwnership.Unconfirmed);
        var confirmed = Left(VmOwnership.Confirmed);
        var dead = Left(VmOwnership.Confirmed, alive: false);
        await StartAsync(Pool(number: 1));

        var pool = await UntilAsync(p => p is { Warm: 1, Leased: 2 });
        await UntilAsync(() => Task.FromResult(Hypervisor.Reaped.Count), n => n == 2);

        Assert.Equal(new[] { making, dead }.ToHashSet(), Hypervisor.Reaped.ToHashSet());
        Assert.Contains(pool.Vms, v => v.Id == warm && v.Life.Phase == VmPhase.Warm);
        Assert.Contains(pool.Vms, v => v.Id == unconfirmed);
        Assert.Contains(pool.Vms, v => v.Id == confirmed);
    }

    [Fact]
    public async Task Goes_on_with_the_grace_period_of_an_unconfirmed_vm()
    {
        Clock.Now = new HostTime(FakeClock.Boot, TimeSpan.FromHours(1));
        var late = Left(VmOwnership.Reserved, since: TimeSpan.FromHours(1) - TimeSpan.FromSeconds(25));
        await StartAsync(Pool(number: 0, with: p => p with { GracePeriod = TimeSpan.FromSeconds(30) }));
        await UntilAsync(p => p.Vms.Any(v => v.Id == late && v.ConfirmBefore is not null));

        Time.Advance(TimeSpan.FromSeconds(5));

        await UntilAsync(p => p.Vms.Count == 0);
        Assert.False(Hypervisor.Vms[late].Alive);
    }

    [Fact]
    public async Task Keeps_the_handed_out_vms_of_a_pool_that_is_no_longer_configured()
    {
        var orphan = Left(VmOwnership.Confirmed, pool: "old");
        await StartAsync(Pool(number: 1));

        var pool = await UntilAsync(p => p.Leased == 1, "old");

        Assert.Equal(0, pool.Target);
        Assert.IsType<VmReleased>(await Gateway.Ask<object>(new ReleaseVm(orphan), TimeSpan.FromSeconds(20)));
    }

    [Fact]
    public async Task Tries_again_when_a_handed_out_vm_cannot_be_taken_over_at_once()
    {
        var busy = Left(VmOwnership.Confirmed);
        var attempts = 0;
        Hypervisor.Attaching = _ => Interlocked.Increment(ref attempts) == 1
            ? Task.FromException(new VmFailedException(new VmFailure(VmFailureKind.Monitor, "its monitor is taken")))
            : Task.CompletedTask;
        await StartAsync(Pool(number: 0));
        await UntilAsync(() => Task.FromResult(Volatile.Read(ref attempts)), n => n == 1);

        await UntilAsync(p =>
        {
            Time.Advance(TimeSpan.FromSeconds(5));
            return Volatile.Read(ref attempts) == 2 && p.Leased == 1;
        });
        Assert.True(Hypervisor.Vms[busy].Alive);
        Assert.Empty(Hypervisor.Reaped);
    }

    [Fact]
    public async Task Takes_a_handed_out_vm_over_when_its_actor_fails()
    {
        await StartAsync(Pool(number: 1));
        var granted = await TakeAsync();
        await UntilAsync(p => p is { Leased: 1, Warm: 1 });
        Hypervisor.Vms[granted.Facts.Id].Happen(new VmEvent.Resumed(ByUs: false));
        await UntilAsync(p => p.Vms.Any(v => v.Id == granted.Facts.Id && v.Life.Confirmed));

        await FailAsync(granted.Vm);

        var pool = await UntilAsync(p => p.Leased == 1 && p.Events.Any(e => e.What.Contains("taken over")));
        Assert.Contains(pool.Vms, v => v.Id == granted.Facts.Id && v.Life.Confirmed);
        Assert.IsType<VmReleased>(await Gateway.Ask<object>(new ReleaseVm(granted.Facts.Id), TimeSpan.FromSeconds(20)));
    }

    [Fact]
    public async Task Ends_a_warm_vm_whose_actor_fails_and_refills()
    {
        await StartAsync(Pool(number: 1));
        var id = (await UntilAsync(p => p.Warm == 1)).Vms[0].Id;

        await FailAsync(await Sys.ActorSelection(Node.Path / "pool-default" / id.Value).ResolveOne(TimeSpan.FromSeconds(5)));

        await UntilAsync(p => p.Warm == 1 && p.Vms.All(v => v.Id != id));
        Assert.Single(Hypervisor.Alive);
    }

    public static TheoryData<string> Actors => ["", "pool-default", "gateway", "accelerator", "boot-slots"];

    [Theory]
    [MemberData(nameof(Actors))]
    public async Task Loses_no_handed_out_vm_and_serves_on_when_one_of_its_actors_fails(string name)
    {
        await StartAsync(Pool(number: 2));
        var granted = await TakeAsync();
        await UntilAsync(p => p is { Warm: 2, Leased: 1 });

        await FailAsync(await Sys.ActorSelection(name.Length == 0 ? Node.Path : Node.Path / name).ResolveOne(TimeSpan.FromSeconds(5)));

        await UntilAsync(p => p is { Warm: 2, Leased: 1, Warming: 0 } && p.Vms.Any(v => v.Id == granted.Facts.Id));
        Assert.NotEqual(granted.Facts.Id, (await TakeAsync()).Facts.Id);
        await UntilAsync(p => p is { Warm: 2, Leased: 2 });
        Assert.DoesNotContain(granted.Facts.Id, Hypervisor.Reaped);
        Assert.Equal(4, Hypervisor.Alive.Count());
        await UntilAsync(
            async () => await Gateway.Ask<object>(new ReleaseVm(granted.Facts.Id), TimeSpan.FromSeconds(20)),
            answer => answer is VmReleased);
    }

    [Fact]
    public async Task Leaves_what_is_warm_and_what_is_handed_out_when_the_node_stops()
    {
        await StartAsync(Pool(number: 2));
        var granted = await TakeAsync();
        await UntilAsync(p => p is { Warm: 2, Leased: 1 });

        await Node.Ask<NodeStopped>(new StopNode("the daemon is stopping"), TimeSpan.FromSeconds(20));

        Assert.Equal(3, Hypervisor.Alive.Count());
        Assert.Contains(Hypervisor.Alive, vm => vm.Facts.Id == granted.Facts.Id);
        var refused = Assert.IsType<AcquireRefused>(await AskAsync(Acquire()));
        Assert.Equal(RefusalKind.Unavailable, refused.Kind);
    }

    [Fact]
    public async Task Stops_in_the_middle_of_a_boot_when_the_node_stops()
    {
        Hypervisor.Script = (_, step, cancel) => step == VmStep.Agent ? Never(cancel) : Task.CompletedTask;
        await StartAsync(Pool(number: 2));
        await UntilAsync(p => p.Vms.Count(v => v.Life.Phase == VmPhase.Booting) == 2);

        await Node.Ask<NodeStopped>(new StopNode("the daemon is stopping"), TimeSpan.FromSeconds(20));

        Assert.Empty(Hypervisor.Alive);
    }

    private VmId Left(VmOwnership ownership, bool alive = true, string pool = "default", TimeSpan? since = null)
    {
        var id = VmId.New();
        var facts = FakeHypervisor.FactsOf(id, Spec with { Pool = new PoolName(pool) }, 77);
        var mark = new VmMark(ownership, HandOutPath.Kata, Served.Warm, new HostTime(FakeClock.Boot, since ?? TimeSpan.FromMinutes(59.9)));
        Hypervisor.Found.Add(new FoundVm(id, facts, mark, alive ? FoundProcess.Alive : FoundProcess.Gone, null));
        return id;
    }

    /// <summary>Makes an actor throw in its mailbox: what supervision is for.</summary>
    private async Task FailAsync(IActorRef actor)
        => await EventFilter.Exception<ActorKilledException>().ExpectAsync(1, () =>
        {
            actor.Tell(Kill.Instance);
            return Task.CompletedTask;
        });
}
