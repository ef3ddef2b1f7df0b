using VmCacheCluster.Domain;
using VmCacheCluster.Domain.Ports;
using VmCacheCluster.Qmp;
using VmCacheCluster.Tests.TestSupport;
using Xunit;

namespace VmCacheCluster.Tests.Qemu.Hypervisor;

/// <summary>What a VM makes of a QEMU and an agent that fail half-way, which real ones do not on order.</summary>
[Trait("Category", "Fake")]
public sealed class FakeQemuVmSpecs
{
    private static readonly CancellationToken None = CancellationToken.None;
    private static readonly GuestPreparation Preparation = new(new GuestIdentity(new string('0', 32), "host"), LateBinding.None);

    [SkippableFact]
    public async Task Reports_exactly_that_two_of_three_vcpus_were_plugged()
    {
        await using var house = new HypervisorHouse();
        await using var vm = await StartAsync(house, "fail-after=device_add:2:no more today");

        var plug = await vm.AddCpusAsync(3, None);

        Assert.Equal((3, 2, VmFailureKind.Host), (plug.Wanted, plug.Done, plug.Failure!.Kind));
        Assert.Equal("QEMU plugged 2 of 3 vCPUs: no more today", plug.Failure.Message);
        Assert.Equal(new VmSize(3, 256), vm.Size);
        Assert.Equal(vm.Size, Assert.Single(await house.Another().FindAsync(None)).Size);
        await vm.StopAsync(None);
    }

    [SkippableFact]
    public async Task Takes_the_memory_back_that_could_not_be_plugged()
    {
        await using var house = new HypervisorHouse();
        await using var vm = await StartAsync(house, "fail-after=device_add:1:no more today");
        Assert.Equal(new HotPlug(128, 128, null), await vm.AddMemoryAsync(1, 128, None));

        var plug = await vm.AddMemoryAsync(130, 128, None);

        Assert.Equal((256, 0), (plug.Wanted, plug.Done));
        Assert.Equal("QEMU plugged 0 of 256 MiB of memory: no more today", plug.Failure!.Message);
        Assert.Equal(new VmSize(1, 384), vm.Size);
        await using var client = await QmpClient.ConnectUnixAsync(vm.Facts.Paths.Qmp);
        Assert.Equal(["dimm1", "mem-1"], (await client.ExecuteAsync("query-memdev")).EnumerateArray().Select(m => m.GetProperty("id").GetString()).Order());
        await vm.StopAsync(None);
    }

    [SkippableFact]
    public async Task Knows_what_it_had_when_the_process_ends_while_it_is_plugged()
    {
        await using var house = new HypervisorHouse();
        await using var vm = await StartAsync(house, "exit-on=device_add");

        var plug = await vm.AddCpusAsync(2, None);

        Assert.Equal((2, 0, VmFailureKind.Monitor), (plug.Wanted, plug.Done, plug.Failure!.Kind));
        Assert.Equal(new VmSize(1, 256), vm.Size);
        await vm.StopAsync(None);
        house.AssertEmpty();
    }

    [SkippableFact]
    public async Task Gives_plugging_up_when_cancelled_and_counts_what_was_done()
    {
        await using var house = new HypervisorHouse();
        await using var vm = await StartAsync(house, "");
        using var cancelled = new CancellationTokenSource();
        await cancelled.CancelAsync();

        var plug = await vm.AddCpusAsync(2, cancelled.Token);

        Assert.Equal(VmFailureKind.Cancelled, plug.Failure!.Kind);
        Assert.Equal(vm.Size.Cpus - 1, plug.Done);
        Assert.Equal(new HotPlug(2, 2, null), await vm.AddCpusAsync(2, None));
        await vm.StopAsync(None);
    }

    [SkippableFact]
    public async Task Leaves_no_file_when_qemu_refuses_to_save()
    {
        await using var house = new HypervisorHouse();
        await using var vm = await StartAsync(house, "fail-after=migrate:1:State blocked by non-migratable device");
        await vm.PauseAsync(None);
        var (first, second) = (Path.Combine(house.Root, "first"), Path.Combine(house.Root, "second"));
        await vm.SaveAsync(first, None);

        var failed = await Assert.ThrowsAsync<VmFailedException>(() => vm.SaveAsync(second, None));

        Assert.Equal(VmFailureKind.Configuration, failed.Failure.Kind);
        Assert.Contains("non-migratable device", failed.Failure.Message, StringComparison.Ordinal);
        Assert.True(vm.Probe().Fit, vm.Probe().Detail);
        Assert.Equal([first], Directory.GetFiles(house.Root).Where(f => !f.EndsWith(DirectivesName, StringComparison.Ordinal)));
        await vm.StopAsync(None);
    }

    [SkippableFact]
    public async Task Fails_as_the_agents_fault_when_the_guest_is_not_prepared()
    {
        await using var house = new HypervisorHouse();
        await using var vm = await StartAsync(house, "fail-after=agent.Prepare:1:cannot write /etc/hostname");
        await using var guest = await vm.OpenGuestAsync(None);
        await guest.PrepareAsync(Preparation, None);

        var failed = await Assert.ThrowsAsync<VmFailedException>(() => guest.PrepareAsync(Preparation, None));

        Assert.Equal(VmFailureKind.Agent, failed.Failure.Kind);
        Assert.Contains("cannot write /etc/hostname", failed.Failure.Message, StringComparison.Ordinal);
        await vm.StopAsync(None);
    }

    [SkippableFact]
    public async Task Sees_by_the_guests_cpu_time_that_a_client_ran_it_while_nobody_watched()
    {
        await using var house = new HypervisorHouse();
        VmFacts facts;
        TimeSpan? before;
        await using (var vm = await StartAsync(house, ""))
        {
            facts = vm.Facts;
            await vm.PauseAsync(None);
            before = vm.ReadGuestCpu();
            Assert.True(before > TimeSpan.FromMilliseconds(1));
        }
        var later = house.Another();
        Assert.Equal(before, Assert.Single(await later.FindAsync(None)).GuestCpu);

        await using (var client = await QmpClient.ConnectUnixAsync(facts.Paths.Qmp))
        {
            await client.ExecuteAsync("cont");
            await client.ExecuteAsync("stop");
        }

        Assert.True(Assert.Single(await later.FindAsync(None)).GuestCpu > before + TimeSpan.FromMilliseconds(1));
    }

    private const string DirectivesName = "directives";

    private static Task<IVm> StartAsync(HypervisorHouse house, string directives)
    {
        var path = Path.Combine(house.Root, DirectivesName);
        File.WriteAllText(path, directives);
        return house.BootAsync(new VmSpec
        {
            Pool = PoolName.Default,
            Qemu = FakeQemuBinary.PathOrSkip(),
            Kernel = path,
            Initrd = path,
            MaxCpus = 4,
            MemorySlots = 4,
            MaxMemoryMiB = 1024,
        });
    }
}
