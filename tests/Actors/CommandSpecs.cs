using VmCacheCluster.Actors.Gateway;
using VmCacheCluster.Actors.Vms;
using VmCacheCluster.Domain;
using VmCacheCluster.Domain.Ports;
using VmCacheCluster.Tests.TestSupport.Fakes;

namespace VmCacheCluster.Tests.Actors;

public class CommandSpecs : NodeFixture
{
    [Fact]
    public async Task Does_to_a_leased_vm_what_it_is_told()
    {
        var vm = await LeasedAsync(holdsAgent: true);
        var (machine, guest) = (Machine(vm), Machine(vm).Guest);
        var (reseeds, clocks) = (guest.Reseeds, guest.ClockSets);

        await DoneAsync(vm, new VmCommand.Pause());
        Assert.Equal(VmCondition.Paused, machine.Condition);
        await DoneAsync(vm, new VmCommand.Save("/var/tmp/state"));
        Assert.Equal("/var/tmp/state", Assert.Single(machine.Saved));
        await DoneAsync(vm, new VmCommand.Resume());
        Assert.Equal(VmCondition.Running, machine.Condition);
        var cpus = await DoneAsync(vm, new VmCommand.AddCpus(2));
        Assert.Equal((new VmSize(3, 256), new HotPlug(2, 2, null)), (cpus.Size, cpus.Plugged));
        var memory = await DoneAsync(vm, new VmCommand.AddMemory(200));
        Assert.Equal((new VmSize(3, 512), new HotPlug(256, 256, null)), (memory.Size, memory.Plugged));
        await DoneAsync(vm, new VmCommand.Online());
        Assert.Equal(3, guest.Online);
        await DoneAsync(vm, new VmCommand.Reseed());
        await DoneAsync(vm, new VmCommand.SetClock());
        Assert.Equal((reseeds + 1, clocks + 1), (guest.Reseeds, guest.ClockSets));
        await DoneAsync(vm, new VmCommand.Assign(SandboxOf("s1")));
        Assert.Equal(SandboxOf("s1"), machine.Sandbox);
        Assert.True(guest.IsOpen);
        await DoneAsync(vm, new VmCommand.Disconnect());
        Assert.False(guest.IsOpen);
        Assert.Equal(new VmSize(3, 512), Assert.IsType<VmView>(await AskVmAsync(new GetVm(vm))).Size);
    }

    [Fact]
    public async Task Reports_what_was_plugged_when_it_is_not_all()
    {
        var vm = await LeasedAsync();
        Hypervisor.Plugging = (step, wanted) => step == VmStep.AddCpus ? wanted - 1 : wanted;

        var performed = Assert.IsType<VmPerformed>(await AskVmAsync(new RunVmCommand(vm, new VmCommand.AddCpus(3))));

        Assert.Equal((3, 2, new VmSize(3, 256)), (performed.Plugged!.Wanted, performed.Plugged.Done, performed.Size));
        Assert.Contains("2 of 3", performed.Failure!.Message);
        await UntilAsync(p => p.Vms.Single().Size == new VmSize(3, 256));
    }

    [Fact]
    public async Task Tells_why_a_command_failed_and_goes_on()
    {
        var vm = await LeasedAsync(holdsAgent: true);
        Hypervisor.Script = (_, step, _) => step == VmStep.Reseed
            ? throw new VmFailedException(new VmFailure(VmFailureKind.Agent, "no entropy device")) : Task.CompletedTask;

        var performed = Assert.IsType<VmPerformed>(await AskVmAsync(new RunVmCommand(vm, new VmCommand.Reseed())));

        Assert.Equal("no entropy device", performed.Failure!.Message);
        // It was opened for this alone, and takes one client.
        Assert.False(Machine(vm).Guest.IsOpen);
        await DoneAsync(vm, new VmCommand.SetClock());
    }

    [Fact]
    public async Task Saves_a_warm_vm_and_does_nothing_else_to_it()
    {
        await StartAsync(Pool(number: 1));
        var warm = (await UntilAsync(p => p.Warm == 1)).Vms[0].Id;

        await DoneAsync(warm, new VmCommand.Save("/var/tmp/state"));

        foreach (var command in new VmCommand[] { new VmCommand.Resume(), new VmCommand.AddCpus(1), new VmCommand.Reseed(), new VmCommand.Assign(SandboxOf("s1")) })
        {
            var refused = Assert.IsType<VmRefused>(await AskVmAsync(new RunVmCommand(warm, command)));
            Assert.Equal(RefusalKind.WrongState, refused.Kind);
            Assert.Contains("it is warm, and must stay as it is", refused.Reason);
        }

        Assert.Equal(warm, (await TakeAsync()).Facts.Id);
    }

    [Fact]
    public async Task Keeps_its_hands_off_a_vm_of_katas_client()
    {
        await StartAsync(Pool(number: 0));
        var id = (await TakeAsync()).Facts.Id;

        Assert.Contains("its holder controls it", Assert.IsType<VmRefused>(await AskVmAsync(new RunVmCommand(id, new VmCommand.Resume()))).Reason);
        Assert.Equal(RefusalKind.NotFound, Assert.IsType<VmRefused>(await AskVmAsync(new RunVmCommand(VmId.New(), new VmCommand.Resume()))).Kind);
    }

    [Fact]
    public async Task Does_one_thing_at_a_time_and_answers_all_when_the_vm_goes()
    {
        var vm = await LeasedAsync();
        Hypervisor.Script = (_, step, cancel) => step == VmStep.AddCpus ? new TaskCompletionSource().Task : Task.CompletedTask;

        var adding = AskVmAsync(new RunVmCommand(vm, new VmCommand.AddCpus(1)));
        Assert.Contains("busy with another command", Assert.IsType<VmRefused>(await AskVmAsync(new RunVmCommand(vm, new VmCommand.Reseed()))).Reason);
        Time.Advance(TimeSpan.FromMinutes(11));

        Assert.Equal(RefusalKind.NotFound, Assert.IsType<VmRefused>(await adding).Kind);
    }

    [Fact]
    public async Task Keeps_a_guest_that_was_lent_while_a_command_ran()
    {
        await StartAsync(Growing(Pool(number: 0)));
        var granted = await LeaseAsync();
        var (id, token) = (granted.Facts.Id, granted.Lease!.Record.Token);
        await CrashAsync(Growing(Pool(number: 0)));
        await UntilAsync(p => p.Leased == 1);
        var hold = new TaskCompletionSource();
        Hypervisor.Script = (_, step, cancel) => step == VmStep.AddCpus ? hold.Task.WaitAsync(cancel) : Task.CompletedTask;
        var adding = AskVmAsync(new RunVmCommand(id, new VmCommand.AddCpus(1)));

        var lent = Assert.IsType<GuestLent>(await AskVmAsync(new UseGuest(id, token)));
        hold.SetResult();
        await adding;

        Assert.Same(lent.Guest, Assert.IsType<GuestLent>(await AskVmAsync(new UseGuest(id, token))).Guest);
    }

    private async Task<VmId> LeasedAsync(bool holdsAgent = false)
    {
        await StartAsync(Growing(Pool(number: 0)));
        var granted = await LeaseAsync(Wish(holdsAgent: holdsAgent));
        await AskVmAsync(new RenewLease(granted.Facts.Id, granted.Lease!.Record.Token, null));
        return granted.Facts.Id;
    }

    private async Task<VmPerformed> DoneAsync(VmId id, VmCommand command)
    {
        var performed = Assert.IsType<VmPerformed>(await AskVmAsync(new RunVmCommand(id, command)));
        Assert.Null(performed.Failure);
        return performed;
    }
}
