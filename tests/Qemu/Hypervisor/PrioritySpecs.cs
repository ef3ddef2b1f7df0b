using VmCacheCluster.Domain;
using VmCacheCluster.Hypervisor.Qemu.Processes;

namespace VmCacheCluster.Tests.Qemu.Hypervisor;

/// <summary>A VM that nobody waits for leaves the host's CPUs to those that are in use.</summary>
[Trait("Category", "Qemu")]
public sealed class PrioritySpecs
{
    private const int Background = 10;

    [Fact]
    public async Task Runs_in_the_background_until_it_is_raised()
    {
        await using var house = new HypervisorHouse();
        using var limit = new CancellationTokenSource(HypervisorHouse.Patience);
        await using var vm = await house.Hypervisor.CreateAsync(VmId.New(), HypervisorHouse.Spec(), VmPriority.Background, limit.Token);
        var pid = vm.Facts.Process.Pid;
        var lowered = ProcessPriority.CanChange ? Background : 0;

        Assert.True(Nice(pid).Count > 2, "QEMU has several threads");
        Assert.All(Nice(pid), nice => Assert.Equal(lowered, nice));
        if (Group(pid) is { } group) Assert.Equal($"nice {lowered}", group);

        vm.RaisePriority();

        Assert.All(Nice(pid), nice => Assert.Equal(0, nice));
        if (Group(pid) is { } raised) Assert.Equal("nice 0", raised);
        await vm.StopAsync(CancellationToken.None);
        house.AssertEmpty();
    }

    [Fact]
    public async Task Runs_as_others_do_when_somebody_waits_for_it()
    {
        await using var house = new HypervisorHouse();
        using var limit = new CancellationTokenSource(HypervisorHouse.Patience);
        await using var vm = await house.Hypervisor.CreateAsync(VmId.New(), HypervisorHouse.Spec(), VmPriority.Normal, limit.Token);

        Assert.All(Nice(vm.Facts.Process.Pid), nice => Assert.Equal(0, nice));
        await vm.StopAsync(CancellationToken.None);
    }

    /// <summary>Of each thread: the 19th field of its stat, the 17th after its name.</summary>
    private static List<int> Nice(int pid) => [.. Directory.EnumerateDirectories($"/proc/{pid}/task").Select(thread =>
    {
        var stat = File.ReadAllText($"{thread}/stat");
        return int.Parse(stat[(stat.LastIndexOf(')') + 2)..].Split(' ')[16]);
    })];

    /// <summary>Null where the kernel makes no scheduling groups.</summary>
    private static string? Group(int pid)
    {
        var file = $"/proc/{pid}/autogroup";
        return File.Exists(file) ? File.ReadAllText(file).Trim().Split(' ', 2)[1] : null;
    }
}
