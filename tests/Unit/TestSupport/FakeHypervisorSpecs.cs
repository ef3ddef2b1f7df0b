using VmCacheCluster.Domain;
using VmCacheCluster.Domain.Ports;
using VmCacheCluster.Tests.TestSupport.Fakes;
using Xunit;

namespace VmCacheCluster.Tests.Unit.TestSupport;

/// <summary>The host in memory, on which the tests of crashes stand.</summary>
public sealed class FakeHypervisorSpecs
{
    private static readonly CancellationToken None = CancellationToken.None;
    private static readonly VmSpec Spec = new() { Pool = PoolName.Default, Qemu = "/q", Kernel = "/k", MaxCpus = 4, MemorySlots = 1, MaxMemoryMiB = 1024 };
    private static readonly VmMark Mark = new(VmOwnership.Confirmed, HandOutPath.V1, Served.Warm, default, GuestCpu: TimeSpan.FromSeconds(3));
    private static readonly LeaseRecord Lease = new(LeaseToken.New(), "key", "digest", null, new Dictionary<string, string>(), TimeSpan.FromMinutes(1));

    private readonly FakeHypervisor _host = new();

    [Fact]
    public async Task Keeps_what_a_killed_daemon_had_done_and_nothing_that_it_does_later()
    {
        var killed = _host.ForOneDaemon();
        var vm = await killed.CreateAsync(VmId.New(), Spec, None);
        await vm.PauseAsync(None);
        await vm.RecordAsync(Mark, None);
        await vm.SaveLeaseAsync(Lease, None);
        await vm.AddCpusAsync(2, None);

        _host.Kill();

        foreach (var late in new Func<Task>[]
        {
            () => vm.RecordAsync(Mark with { Ownership = VmOwnership.Warm }, None),
            () => vm.StopAsync(None),
            () => killed.CreateAsync(VmId.New(), Spec, None),
            () => killed.FindAsync(None),
        }) Assert.Equal(VmFailureKind.Cancelled, (await Assert.ThrowsAsync<VmFailedException>(late)).Failure.Kind);
        var next = _host.ForOneDaemon();
        var found = Assert.Single(await next.FindAsync(None));
        Assert.Equal((Mark, Lease, new VmSize(3, 256), FoundProcess.Alive), (found.Mark, found.Lease, found.Size!.Value, found.Process));
        var taken = await next.AttachAsync(found, None);
        Assert.Equal((VmCondition.Paused, new VmSize(3, 256)), (taken.Condition, taken.Size));
    }

    [Fact]
    public async Task Loses_a_step_that_a_killed_daemon_was_held_in()
    {
        var hold = new TaskCompletionSource();
        var vm = await _host.CreateAsync(VmId.New(), Spec, None);
        _host.Script = (_, step, _) => step == VmStep.Record ? hold.Task : Task.CompletedTask;
        var recording = vm.RecordAsync(Mark, None);

        _host.Kill();
        hold.SetResult();

        await Assert.ThrowsAsync<VmFailedException>(() => recording);
        Assert.Equal(VmOwnership.Making, Assert.Single(await _host.FindAsync(None)).Mark!.Ownership);
    }

    [Fact]
    public async Task Shows_that_a_client_ran_and_paused_a_vm_unwatched()
    {
        var vm = await _host.CreateAsync(VmId.New(), Spec, None);
        await vm.PauseAsync(None);
        var before = vm.ReadGuestCpu();
        _host.Kill();

        var machine = _host.Vms[vm.Facts.Id].Machine;
        machine.RunByClient();
        machine.PauseByClient();

        var found = Assert.Single(await _host.FindAsync(None));
        Assert.True(found.GuestCpu > before);
        Assert.True((await _host.AttachAsync(found, None)).Probe().Fit);
    }

    [Fact]
    public async Task Gives_a_vm_to_one_holder_at_a_time()
    {
        var vm = await _host.CreateAsync(VmId.New(), Spec, None);
        var found = Assert.Single(await _host.FindAsync(None));

        var failed = await Assert.ThrowsAsync<VmFailedException>(() => _host.AttachAsync(found, None));

        Assert.Equal(VmFailureKind.Monitor, failed.Failure.Kind);
        await vm.DisposeAsync();
        await _host.AttachAsync(found, None);
    }

    [Fact]
    public async Task Shows_a_dead_vm_until_it_is_reaped()
    {
        var vm = await _host.CreateAsync(VmId.New(), Spec, None);
        _host.Vms[vm.Facts.Id].Die("was killed");

        var found = Assert.Single(await _host.FindAsync(None));
        Assert.Equal(FoundProcess.Gone, found.Process);
        await _host.ReapAsync(found, None);

        Assert.Empty(await _host.FindAsync(None));
    }

    [Fact]
    public async Task Plugs_as_much_as_the_test_says_and_reports_the_rest()
    {
        var vm = await _host.CreateAsync(VmId.New(), Spec, None);
        _host.Plugging = (step, wanted) => step == VmStep.AddCpus ? wanted - 1 : wanted;

        var plug = await vm.AddCpusAsync(3, None);

        Assert.Equal((3, 2), (plug.Wanted, plug.Done));
        Assert.NotNull(plug.Failure);
        Assert.Equal(new HotPlug(256, 256, null), await vm.AddMemoryAsync(200, 128, None));
        Assert.Equal(new VmSize(3, 512), vm.Size);
    }
}
