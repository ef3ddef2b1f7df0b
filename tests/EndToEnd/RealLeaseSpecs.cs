using VmCacheCluster.Client;
using VmCacheCluster.Contracts.V1;
using VmCacheCluster.Tests.EndToEnd.Support;
using VmCacheCluster.Tests.TestSupport;

namespace VmCacheCluster.Tests.EndToEnd;

[Trait("Category", "Qemu")]
[Collection(QemuCollection.Name)]
public sealed class RealLeaseSpecs(RealLeases node) : IClassFixture<RealLeases>
{
    private static readonly AcquireOptions Patient = new() { Timeout = TimeSpan.FromMinutes(4) };

    [Fact]
    public async Task Gives_a_command_a_larger_vm_with_its_environment_and_releases_it_when_the_command_ended()
    {
        var before = (await node.Daemon.WarmAsync()).Pools[0].Vms.Select(v => v.Id).ToHashSet();

        var run = await CliRun.SucceedingAsync(
            node.House.Endpoint, "acquire", "--pool", "default", "--vcpus", "2", "--memory", "512", "--env", "A=1", "--", "sh", "-c", "nproc; echo $A");

        Assert.Equal("2\n1\n", run.Out);
        var status = await node.Daemon.PoolAsync(p => p.Leased == 0, "it was released");
        Assert.Single(before.Except(status.Pools[0].Vms.Select(v => v.Id)));
        Assert.Single(before.Intersect(node.House.VmDirectories()));
    }

    [Fact]
    public async Task Has_an_identity_random_numbers_and_a_clock_of_its_own()
    {
        await node.Daemon.WarmAsync();
        await using var one = await node.Daemon.Client.AcquireAsync("", Patient);
        await using var two = await node.Daemon.Client.AcquireAsync("", Patient with { Hostname = "two.example" });

        var (first, second) = (await AskAsync(one), await AskAsync(two));

        Assert.Equal(one.Id.Replace("-", "", StringComparison.Ordinal), first.MachineId);
        Assert.Equal(two.Id.Replace("-", "", StringComparison.Ordinal), second.MachineId);
        Assert.Equal("two.example", second.Hostname);
        Assert.NotEqual(first.Hostname, second.Hostname);
        Assert.NotEqual(first.Random, second.Random);
    }

    [Fact]
    public async Task Has_a_console_and_a_monitor_that_its_holder_is_led_to()
    {
        await using var vm = await node.Daemon.Client.AcquireAsync("", Patient);
        await using var console = await vm.ConnectAsync(VmSocket.Console);
        await using var monitor = await vm.ConnectAsync(VmSocket.Qmp);

        var program = vm.RunAsync(["sh", "-c", "exec 3<>/dev/hvc0; echo what is your name >&3; read name <&3; echo \"hello $name\""]);
        await StreamTalk.UntilAsync(console, "what is your name");
        await console.WriteAsync("holder\n"u8.ToArray());

        Assert.Equal("hello holder\n", (await program.WaitAsync(Eventually.Patience)).Stdout);
        Assert.Equal("running", await StreamTalk.StatusAsync(monitor));
        var taken = await Assert.ThrowsAsync<VmCacheException>(() => vm.ConnectAsync(VmSocket.Console));
        Assert.Equal("SOCKET_BUSY", taken.Reason);
        await console.DisposeAsync();
        await using var again = await vm.ConnectAsync(VmSocket.Console);
        Assert.Equal(0, (await vm.RunAsync(["sh", "-c", "echo again > /dev/hvc0"])).Status);
        await StreamTalk.UntilAsync(again, "again");
    }

    [Fact]
    public async Task Is_its_holders_still_and_its_pool_warm_when_the_daemon_was_killed()
    {
        await node.Daemon.WarmAsync();
        var leased = await node.Daemon.Client.AcquireAsync("", Patient with { AutomaticRenewal = false });
        Assert.Equal(0, (await leased.RunAsync(["sh", "-c", "echo before > /tmp/note"])).Status);
        var before = await node.Daemon.PoolAsync(p => p is { Warm: 2, Warming: 0, Leased: 1 }, "2 are warm and 1 is leased");

        await node.ReplaceDaemonAsync();

        var after = await node.Daemon.PoolAsync(p => p is { Warm: 2, Warming: 0, Leased: 1 }, "all are there again");
        Assert.Equal(Holdings(before), Holdings(after));
        Assert.Equal(after.Pools[0].Vms.Select(v => (int)v.Pid).Order(), node.House.VmProcesses().Order());
        Assert.Equal("before\n", (await CliRun.SucceedingAsync(node.House.Endpoint, "exec", leased.Id, "--token", leased.Token, "--", "cat", "/tmp/note")).Out);
        await CliRun.SucceedingAsync(node.House.Endpoint, "release", leased.Id, "--token", leased.Token);

        await using var warm = await node.Daemon.Client.AcquireAsync("", Patient);
        Assert.Contains(warm.Id, before.Pools[0].Vms.Where(v => v.State == VmState.Warm).Select(v => v.Id));
        await AskAsync(warm);
    }

    private static async Task<(string MachineId, string Hostname, string Random)> AskAsync(LeasedVm vm)
    {
        var asked = DateTimeOffset.UtcNow.ToUnixTimeSeconds();
        var run = await vm.RunAsync(["sh", "-c", "date +%s; cat /etc/machine-id; hostname; head -c 16 /dev/urandom | od -An -tx1"]);
        Assert.True(run.Status == 0, run.Stderr);
        var lines = run.Stdout.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.InRange(long.Parse(lines[0]), asked - 2, DateTimeOffset.UtcNow.ToUnixTimeSeconds() + 2);
        return (lines[1], lines[2], lines[3]);
    }

    private static IReadOnlyList<string> Holdings(NodeStatus status) =>
        [.. status.Pools[0].Vms.Select(v => $"{v.Id} {v.Pid} {v.State}").Order(StringComparer.Ordinal)];
}
