using Akka.Actor;
using VmCacheCluster.Actors.Node;
using VmCacheCluster.Domain;
using VmCacheCluster.Domain.Ports;

namespace VmCacheCluster.Tests.Actors;

public class StopSpecs : NodeFixture
{
    [Fact]
    public async Task Waits_until_what_an_earlier_daemon_left_is_ended()
    {
        var hold = new TaskCompletionSource();
        Hypervisor.Reaping = _ => hold.Task;
        var making = new VmMark(VmOwnership.Making, HandOutPath.None, Served.Unknown, default);
        Hypervisor.Found.Add(new FoundVm(VmId.New(), null, making, FoundProcess.Alive, "its start was interrupted") { Record = FoundRecord.Missing });
        await StartAsync(Pool(number: 0));
        await AwaitConditionAsync(() => Task.FromResult(!Hypervisor.Reaped.IsEmpty), TimeSpan.FromSeconds(20));

        var stopped = StopAsync();
        // It has heard of the stop when it answers what came later.
        await Node.Ask<IActorRef>(GetGateway.Instance, TimeSpan.FromSeconds(20));

        Assert.False(stopped.IsCompleted);
        hold.SetResult();
        await stopped;
        Assert.Empty(Hypervisor.Found);
    }

    [Fact]
    public async Task Gives_up_the_proof_of_kvm()
    {
        await StartAsync(Pool(number: 0, with: p => p with { Accelerator = AcceleratorChoice.Auto }));
        await AwaitConditionAsync(() => Task.FromResult(Proof.Proving is not null), TimeSpan.FromSeconds(20));

        await StopAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Proof.Proving!.WaitAsync(TimeSpan.FromSeconds(20)));
    }

    private Task<NodeStopped> StopAsync() => Node.Ask<NodeStopped>(new StopNode("the daemon is stopping"), TimeSpan.FromSeconds(20));
}
