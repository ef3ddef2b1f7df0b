using VmCacheCluster.Domain;
using VmCacheCluster.Domain.Ports;
using VmCacheCluster.Tests.TestSupport.Fakes;

namespace VmCacheCluster.Tests.Actors;

/// <summary>Refill leaves the host's CPUs to the VMs in use, unless somebody waits for what is made.</summary>
public class PrioritySpecs : NodeFixture
{
    private readonly TaskCompletionSource _boot = new();

    [Fact]
    public async Task Makes_its_vms_in_the_background_and_raises_them_when_they_are_warm()
    {
        Hypervisor.Script = Booting;
        await StartAsync(Pool());
        await UntilAsync(p => p is { Warming: 2 } && Hypervisor.Vms.Count == 2);
        Assert.All(Hypervisor.Vms.Values, vm => Assert.Equal(VmPriority.Background, vm.Machine.Priority));

        _boot.SetResult();

        await UntilAsync(p => p is { Warm: 2 });
        Assert.All(Hypervisor.Vms.Values, vm => Assert.Equal(VmPriority.Normal, vm.Machine.Priority));
    }

    [Fact]
    public async Task Makes_one_for_a_caller_at_once_as_others_run()
    {
        Hypervisor.Script = Booting;
        await StartAsync(Pool(number: 0));
        var caller = Acquire();
        Gateway.Tell(caller, Akka.Actor.ActorRefs.NoSender);

        await UntilAsync(_ => Hypervisor.Vms.Values.Any(vm => vm.Machine.Priority == VmPriority.Normal));
        _boot.SetResult();

        await caller.Ticket.Answer.WaitAsync(TimeSpan.FromSeconds(20));
    }

    [Fact]
    public async Task Raises_as_many_of_those_that_are_being_made_as_callers_come()
    {
        Hypervisor.Script = Booting;
        await StartAsync(Pool(number: 3));
        await UntilAsync(p => p is { Warming: 3 } && Hypervisor.Vms.Count == 3);

        Gateway.Tell(Acquire(), Akka.Actor.ActorRefs.NoSender);
        // One VM more is made in the caller's place.
        await UntilAsync(p => p is { Waiting: 1, Warming: 4 } && Hypervisor.Vms.Count == 4);

        await UntilAsync(_ => Hypervisor.Vms.Values.Count(vm => vm.Machine.Priority == VmPriority.Normal) == 1);
        Assert.Equal(3, Hypervisor.Vms.Values.Count(vm => vm.Machine.Priority == VmPriority.Background));
        _boot.SetResult();
    }

    [Fact]
    public async Task Clones_in_the_background_too()
    {
        Templates.Stored = FakeTemplates.Some();
        Hypervisor.Script = (_, step, cancel) => step == VmStep.Pause ? _boot.Task.WaitAsync(cancel) : Task.CompletedTask;
        await StartAsync(Pool(number: 1, with: p => p with { Refill = RefillChoice.Clone }));
        await UntilAsync(p => p is { Warming: 1 } && Hypervisor.Vms.Count == 1);
        Assert.Equal(VmPriority.Background, Hypervisor.Vms.Values.Single().Machine.Priority);

        _boot.SetResult();

        await UntilAsync(p => p is { Warm: 1 });
        Assert.Equal(VmPriority.Normal, Hypervisor.Vms.Values.Single().Machine.Priority);
    }

    private Task Booting(VmSpec spec, VmStep step, CancellationToken cancel)
        => step == VmStep.Agent ? _boot.Task.WaitAsync(cancel) : Task.CompletedTask;
}
