using Akka.Actor;
using VmCacheCluster.Actors.Gateway;
using VmCacheCluster.Actors.Node;
using VmCacheCluster.Domain;
using VmCacheCluster.Domain.Ports;
using VmCacheCluster.Tests.TestSupport.Fakes;

namespace VmCacheCluster.Tests.Actors;

/// <summary>A host that makes no more VMs and gives up what nobody holds.</summary>
public sealed class DrainSpecs : NodeFixture
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    [Fact]
    public async Task Gives_up_what_is_warm_and_leaves_what_is_leased_when_drained()
    {
        await StartAsync(Pool(number: 2));
        await UntilAsync(p => p.Warm == 2);
        var held = await TakeAsync();
        await UntilAsync(p => p is { Warm: 2, Leased: 1 });

        var drained = await Gateway.Ask<NodeDrained>(DrainNode.Instance, Patience);

        Assert.Equal(new NodeDrained(2, 1), drained);
        var pool = await UntilAsync(p => p is { Warm: 0, Warming: 0, Leased: 1, Vms.Count: 1 });
        Assert.StartsWith("this host is drained", pool.Reason, StringComparison.Ordinal);
        Assert.Equal(held.Facts.Id, Assert.Single(Hypervisor.Alive).Facts.Id);
        Assert.Equal(RefusalKind.Unavailable, Assert.IsType<AcquireRefused>(await AskAsync(Acquire())).Kind);
    }

    [Fact]
    public async Task Stops_only_when_its_warm_vms_are_gone_when_it_was_drained()
    {
        var hold = new TaskCompletionSource();
        Hypervisor.Script = (_, step, cancel) => step == VmStep.Stop ? hold.Task.WaitAsync(cancel) : Task.CompletedTask;
        await StartAsync(Pool(number: 2));
        await UntilAsync(p => p.Warm == 2);

        await Gateway.Ask<NodeDrained>(DrainNode.Instance, Patience);
        var stopped = Node.Ask<NodeStopped>(new StopNode("the daemon is stopping"), Patience);
        await UntilAsync(p => p.Vms.All(v => v.Life.Phase == VmPhase.Stopping));

        Assert.False(stopped.IsCompleted);
        hold.SetResult();
        await stopped;
        Assert.Empty(Hypervisor.Alive);
    }

    [Fact]
    public async Task Is_drained_once_it_has_looked_when_told_so_at_its_start()
    {
        var hold = new TaskCompletionSource();
        Hypervisor.Looking = hold.Task;
        var id = VmId.New();
        var mark = new VmMark(VmOwnership.Warm, HandOutPath.Kata, Served.Warm, new HostTime(FakeClock.Boot, TimeSpan.FromMinutes(59.9)));
        Hypervisor.Found.Add(new FoundVm(id, FakeHypervisor.FactsOf(id, Spec, 77), mark, FoundProcess.Alive, null));
        await StartAsync(Pool(number: 2));

        var drained = Gateway.Ask<NodeDrained>(DrainNode.Instance, Patience);
        hold.SetResult();
        await drained;

        await UntilAsync(p => p is { Warm: 0, Warming: 0, Vms.Count: 0 });
        Assert.Empty(Hypervisor.Alive);
    }
}
