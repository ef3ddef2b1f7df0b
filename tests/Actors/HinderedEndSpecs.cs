using System.Threading.Channels;
using Akka.Actor;
using VmCacheCluster.Actors.Gateway;
using VmCacheCluster.Actors.Node;
using VmCacheCluster.Domain;
using VmCacheCluster.Domain.Ports;
using VmCacheCluster.Tests.TestSupport.Fakes;

namespace VmCacheCluster.Tests.Actors;

/// <summary>An end that cannot be completed is told, tried again, and holds nobody up.</summary>
public class HinderedEndSpecs : NodeFixture
{
    private static readonly VmFailure Mounted = new(VmFailureKind.Host, "cannot remove its directory: rootfs is a mount point", "umount rootfs");
    private static readonly VmFailure Immutable = new(VmFailureKind.Host, "cannot remove its directory: a file is immutable");

    private VmFailure? _obstacle = Mounted;
    private int _tries;

    [Fact]
    public async Task Answers_the_release_with_the_reason_and_tries_until_the_obstacle_is_gone()
    {
        var (granted, _) = await HeldAsync();
        var id = granted.Facts.Id;
        var seen = Channel.CreateUnbounded<NodeEvent>();
        Assert.True(Journal.TryWatch(PoolName.Default, Journal.Epoch, Journal.Last, seen.Writer));

        var refused = Assert.IsType<VmRefused>(await ReleaseAsync(granted));

        Assert.Equal((RefusalKind.Unfinished, true), (refused.Kind, refused.Reason.Contains(Mounted.ToString(), StringComparison.Ordinal)));
        var pool = await UntilAsync(p => p.Events.Any(e => e.Vm == id && e.What.Contains(Mounted.ToString())) && p.Warm == 1);
        var vm = pool.Vms.Single(v => v.Id == id);
        Assert.Equal((VmPhase.Stopping, Mounted), (vm.Life.Phase, vm.Life.Ending!.Obstacle));
        Assert.Equal(RefusalKind.Unfinished, Assert.IsType<VmRefused>(await ReleaseAsync(granted)).Kind);
        await TriedAsync(Volatile.Read(ref _tries) + 3);
        _obstacle = Immutable;
        await UntilAsync(p => Advanced() && p.Events.Any(e => e.Vm == id && e.What.Contains(Immutable.Message)));
        Assert.Single((await PoolAsync()).Events, e => e.What.Contains(Mounted.Message) && e.Times == 1);
        _obstacle = null;

        pool = await UntilAsync(p => Advanced() && p.Vms.All(v => v.Id != id));

        Assert.Contains(pool.Events, e => e.Vm == id && e.What == "its end is complete now");
        Assert.False(Hypervisor.Vms[id].Machine.OnDisk);
        Assert.Equal(RefusalKind.NotFound, Assert.IsType<VmRefused>(await ReleaseAsync(granted)).Kind);
        var told = new List<NodeEvent>();
        while (seen.Reader.TryRead(out var happened)) if (happened.Vm!.Id == id) told.Add(happened);
        Assert.Equal([null, Mounted, Immutable, null], told.Select(e => e.Vm!.Life.Ending!.Obstacle));
        Assert.Contains(Mounted.ToString(), told[1].Reason, StringComparison.Ordinal);
        Assert.Equal((NodeEventKind.Gone, "it was released"), (told[3].Kind, told[3].Reason));
    }

    [Fact]
    public async Task Does_not_hold_up_the_stop_of_the_daemon_and_is_ended_by_the_next_one()
    {
        var (granted, _) = await HeldAsync();
        var id = granted.Facts.Id;
        await ReleaseAsync(granted);

        await TerminateAsync();
        Hypervisor.Kill();
        _obstacle = null;
        await StartAsync(Pool(number: 1));

        await UntilAsync(() => Task.FromResult(Hypervisor.Reaped.Contains(id)), done => done);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Goes_on_ending_what_an_earlier_daemon_left_and_could_not_be_ended_at_the_start(bool recorded)
    {
        var id = VmId.New();
        var facts = recorded ? FakeHypervisor.FactsOf(id, Spec, 77) : null;
        Hypervisor.Found.Add(new FoundVm(id, facts, null, FoundProcess.Gone, null) { Record = recorded ? FoundRecord.Read : FoundRecord.Missing });
        Hypervisor.Reaping = _ => Hindered();
        await StartAsync(Pool(number: 1), Pool("other", 0));

        var pool = await UntilAsync(p => p.Warm == 1 && p.Events.Any(e => e.Vm == id && e.What.Contains(Mounted.ToString())));
        Assert.Equal((VmPhase.Stopping, Mounted), pool.Vms.Where(v => v.Id == id).Select(v => (v.Life.Phase, v.Life.Ending!.Obstacle)).Single());
        await TriedAsync(Volatile.Read(ref _tries) + 2);
        Assert.Equal(RefusalKind.Unfinished, Assert.IsType<VmRefused>(await AskVmAsync(new ReleaseVm(id))).Kind);
        _obstacle = null;

        pool = await UntilAsync(p => Advanced() && p.Vms.All(v => v.Id != id));

        Assert.Contains(id, Hypervisor.Reaped);
        Assert.Contains(pool.Events, e => e.Vm == id && e.What == "its end is complete now");
    }

    [Theory]
    [InlineData("")]
    [InlineData("/VM")]
    public async Task Goes_on_when_the_pools_actor_or_the_vms_own_fails(string which)
    {
        var (granted, _) = await HeldAsync();
        var id = granted.Facts.Id;
        await ReleaseAsync(granted);
        Hypervisor.Reaping = _ => Hindered();

        var actor = await Sys.ActorSelection(Node.Path.ToStringWithoutAddress() + "/pool-default" + which.Replace("VM", id.Value)).ResolveOne(TimeSpan.FromSeconds(5));
        await EventFilter.Exception<ActorKilledException>().ExpectAsync(1, () => { actor.Tell(Kill.Instance); return Task.CompletedTask; });

        await UntilAsync(p => p.Warm == 1 && p.Vms.Any(v => v.Id == id && v.Life is { Phase: VmPhase.Stopping, Ending.Obstacle: not null }));
        _obstacle = null;
        await UntilAsync(p => Advanced() && p.Vms.All(v => v.Id != id));
        Assert.Contains(id, Hypervisor.Reaped);
    }

    [Fact]
    public async Task Goes_on_ending_what_a_creation_that_failed_has_left()
    {
        var failures = 1;
        VmId? left = null;
        Hypervisor.Reaping = found =>
        {
            left = found.Id;
            return Hindered();
        };
        Hypervisor.Script = (_, step, _) => step == VmStep.Create && Interlocked.Decrement(ref failures) >= 0
            ? Task.FromException(new VmFailedException(new VmFailure(VmFailureKind.Start, "QEMU did not start")) { Left = Mounted }) : Task.CompletedTask;
        await StartAsync(Pool(number: 1));

        var pool = await UntilAsync(p => Advanced() && left is not null && p.Warm == 1);

        var failed = pool.Vms.Single(v => v.Life.Phase == VmPhase.Failed);
        Assert.Equal((failed.Id, Mounted), (left, failed.Life.Ending!.Obstacle));
        Assert.Contains(pool.Events, e => e.Vm == failed.Id && e.What.Contains("QEMU did not start"));
        Assert.Contains(pool.Events, e => e.Vm == failed.Id && e.What.Contains(Mounted.ToString()));
        _obstacle = null;
        await UntilAsync(p => Advanced() && p.Vms.All(v => v.Id != failed.Id));
        Assert.Contains(failed.Id, Hypervisor.Reaped);
    }

    [Fact]
    public async Task Refuses_the_sandbox_of_a_vm_whose_end_cannot_be_completed_and_says_why()
    {
        var (granted, _) = await HeldAsync("s1");
        await ReleaseAsync(granted);

        var refused = await RefusedAsync(Wish(sandbox: "s1"));

        Assert.Equal(RefusalKind.Unavailable, refused.Kind);
        Assert.Contains(granted.Facts.Id.Value, refused.Reason);
        Assert.Contains(Mounted.ToString(), refused.Reason);
        _obstacle = null;
        await UntilAsync(p => Advanced() && p.Vms.All(v => v.Id != granted.Facts.Id));
        await LeaseAsync(Wish(sandbox: "s1"));
    }

    private async Task<(BaseVmGranted Granted, PoolView Pool)> HeldAsync(string? sandbox = null)
    {
        await StartAsync(Pool(number: 1));
        var granted = await LeaseAsync(Wish(sandbox: sandbox));
        var pool = await UntilAsync(p => p is { Leased: 1, Warm: 1 });
        Hypervisor.Script = (_, step, _) =>
        {
            if (step == VmStep.Stop) Hinder();
            return Task.CompletedTask;
        };
        return (granted, pool);
    }

    private void Hinder()
    {
        Interlocked.Increment(ref _tries);
        if (_obstacle is { } obstacle) throw new VmFailedException(obstacle);
    }

    private Task Hindered()
    {
        Hinder();
        return Task.CompletedTask;
    }

    private Task<object> ReleaseAsync(BaseVmGranted granted) => AskVmAsync(new ReleaseVm(granted.Facts.Id, granted.Lease!.Record.Token));

    private Task TriedAsync(int times) => UntilAsync(() => Task.FromResult(Advanced() && Volatile.Read(ref _tries) >= times), done => done);

    private bool Advanced()
    {
        Time.Advance(TimeSpan.FromSeconds(5));
        return true;
    }
}
