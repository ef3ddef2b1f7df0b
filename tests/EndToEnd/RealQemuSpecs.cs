using System.Collections.Concurrent;
using VmCacheCluster.Client;
using VmCacheCluster.Contracts.V1;
using VmCacheCluster.Tests.EndToEnd.Support;
using VmCacheCluster.Tests.TestSupport;

namespace VmCacheCluster.Tests.EndToEnd;

[Trait("Category", "Qemu")]
[Collection(QemuCollection.Name)]
public sealed class RealQemuSpecs(RealNode node) : IClassFixture<RealNode>
{
    private static readonly TimeSpan Timeout = TimeSpan.FromMinutes(4);

    [Fact]
    public async Task Hands_out_a_paused_vm_when_asked_as_kata_asks()
    {
        await node.Daemon.PoolAsync(p => p.Warm > 0, "one is warm");
        using var kata = new KataSocket(node.House.Endpoint);

        var taken = await kata.GetBaseVmAsync(deadline: Timeout);

        var vm = await node.Daemon.Client.GetAsync(taken.Id, Timeout);
        await HandedOut.AssertAliveAndPausedAsync(vm);
        Assert.Equal(VmState.Leased, vm.State);
        Assert.Equal(128u, taken.Memory);
        await node.Daemon.Client.ReleaseAsync(taken.Id, Timeout);
        Assert.False(Processes.IsAlive(vm.Pid));
    }

    [Fact]
    public async Task Runs_commands_in_a_vm_when_driven_by_the_command_line_tool()
    {
        await node.Daemon.PoolAsync(p => p.Warm > 0, "one is warm");
        var endpoint = node.House.Endpoint;

        var vm = (await CliRun.SucceedingAsync(endpoint, "get-base-vm", "--resume", "-o", "json")).Json;
        var id = vm.GetProperty("id").GetString()!;

        Assert.Equal("clone", vm.GetProperty("madeBy").GetString());
        Assert.Equal("warm", vm.GetProperty("served").GetString());
        Assert.Equal(128, vm.GetProperty("memoryMiB").GetInt32());
        Assert.True(vm.GetProperty("cpus").GetInt32() >= 1);
        Assert.True(Processes.IsAlive(vm.GetProperty("pid").GetInt64()));
        foreach (var socket in new[] { "qmp", "agent", "console" }) Assert.True(Path.Exists(vm.GetProperty(socket).GetString()), socket);

        Assert.StartsWith("Linux ", (await CliRun.SucceedingAsync(endpoint, "exec", id, "--", "uname", "-a")).Out, StringComparison.Ordinal);
        Assert.Equal(7, (await CliRun.Async(endpoint, "exec", id, "--", "sh", "-c", "exit 7")).ExitCode);
        Assert.Equal(127, (await CliRun.Async(endpoint, "exec", id, "--", "no-such-program")).ExitCode);

        await CliRun.SucceedingAsync(endpoint, "release", id);
        Assert.False(Processes.IsAlive(vm.GetProperty("pid").GetInt64()));
        Assert.Equal(4, (await CliRun.Async(endpoint, "release", id)).ExitCode);
    }

    [Fact]
    public async Task Tells_scripts_of_its_pools_when_asked_for_its_status()
    {
        await node.Daemon.PoolAsync(p => p.Warm > 0, "one is warm");

        var status = (await CliRun.SucceedingAsync(node.House.Endpoint, "status", "-o", "json")).Json;

        Assert.Equal(node.Daemon.Pid, status.GetProperty("pid").GetInt32());
        Assert.Equal(node.House.Endpoint, status.GetProperty("endpoint").GetString());
        var pool = Assert.Single(status.GetProperty("pools").EnumerateArray());
        Assert.Equal("default", pool.GetProperty("name").GetString());
        Assert.Equal(RealNode.Target, pool.GetProperty("target").GetInt32());
        foreach (var number in new[] { "warm", "warming", "leased" }) Assert.True(pool.GetProperty(number).GetInt32() >= 0);
        Assert.NotNull(pool.GetProperty("reason").GetString());
        var vm = pool.GetProperty("vms").EnumerateArray().First(v => v.GetProperty("state").GetString() == "warm");
        Assert.True(Processes.IsAlive(vm.GetProperty("pid").GetInt64()));
        Assert.Equal("clone", vm.GetProperty("madeBy").GetString());
        Assert.Equal(128, vm.GetProperty("memoryMiB").GetInt32());
        Assert.True(vm.GetProperty("cpus").GetInt32() >= 1 && vm.GetProperty("id").GetString()!.Length > 0);
    }

    [Fact]
    public async Task Replaces_a_warm_vm_and_never_hands_it_out_when_its_qemu_is_killed()
    {
        var status = await node.Daemon.PoolAsync(p => p.Warm >= 2, "two are warm");
        var dead = status.Pools[0].Vms.First(v => v.State == VmState.Warm);

        await Processes.KillAsync(dead.Pid);
        var taken = await node.Daemon.Client.GetBaseVmAsync(Timeout);

        Assert.NotEqual(dead.Id, taken.Id);
        await HandedOut.AssertAliveAndPausedAsync(await node.Daemon.Client.GetAsync(taken.Id, Timeout));
        await node.Daemon.Client.ReleaseAsync(taken.Id, Timeout);
        status = await node.Daemon.WarmAsync();
        Assert.Equal((uint)RealNode.Target, status.Pools[0].Warm);
        Assert.Contains(status.Pools[0].Events, e => e.Vm == dead.Id && (e.What.Contains("killed by signal 9", StringComparison.Ordinal) || e.What.Contains("its process is gone", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task Bears_garbage_on_the_sockets_of_a_leased_vm()
    {
        var vm = await node.Daemon.Client.GetAsync((await node.Daemon.Client.GetBaseVmAsync(Timeout)).Id, Timeout);
        await CliRun.SucceedingAsync(node.House.Endpoint, "resume", vm.Id);

        await Garbage.SendAsync(vm.Qmp);
        await Garbage.SendAsync(vm.Agent);

        Assert.Equal("running", await HandedOut.StatusOnMonitorAsync(vm));
        // Half a frame of garbage takes the next request with it, until the agent has found the beginning of a frame again.
        var run = new CliRun(-1, "", "");
        await Eventually.Async(
            async () => (run = await CliRun.Async(node.House.Endpoint, "exec", vm.Id, "--", "echo", "still here")).ExitCode == 0,
            "the agent answers again", () => run.Error);
        Assert.Equal("still here\n", run.Out);
        await node.Daemon.Client.ReleaseAsync(vm.Id, Timeout);
    }

    [Fact]
    public async Task Serves_others_while_a_guest_floods_its_consoles()
    {
        // A writer that timeout ends has status 124 or 143.
        const string flood = "for d in /dev/hvc0 /dev/ttyS0; do (timeout 5 cat /dev/urandom >$d 2>/dev/null; echo $d $?) & done; wait";
        var vm = await node.Daemon.Client.GetAsync((await node.Daemon.Client.GetBaseVmAsync(Timeout)).Id, Timeout);
        await CliRun.SucceedingAsync(node.House.Endpoint, "resume", vm.Id);

        var flooding = CliRun.SucceedingAsync(node.House.Endpoint, "exec", vm.Id, "--", "sh", "-c", flood);
        var other = await CliRun.SucceedingAsync(node.House.Endpoint, "acquire", "--", "echo", "another one");

        Assert.Equal("another one\n", other.Out);
        var ends = (await flooding).Out.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(2, ends.Length);
        Assert.All(ends, end => Assert.Matches("^/dev/(hvc0|ttyS0) (124|143)$", end));
        Assert.Equal("still here\n", (await CliRun.SucceedingAsync(node.House.Endpoint, "exec", vm.Id, "--", "echo", "still here")).Out);
        var kept = new DirectoryInfo(Path.GetDirectoryName(vm.Qmp)!).EnumerateFiles("*", SearchOption.AllDirectories).Sum(f => f.Length);
        Assert.True(kept < 1 << 20, $"{kept} bytes are in its directory");
        await node.Daemon.Client.ReleaseAsync(vm.Id, Timeout);
    }

    [Fact]
    public async Task Hands_out_each_vm_once_when_8_clients_make_20_calls()
    {
        var ids = new ConcurrentBag<string>();
        var left = 20;

        await Task.WhenAll(Enumerable.Range(0, 8).Select(async _ =>
        {
            using var client = VmCacheClient.Open(node.House.Endpoint);
            while (Interlocked.Decrement(ref left) >= 0)
            {
                var vm = await client.GetAsync((await client.GetBaseVmAsync(Timeout)).Id, Timeout);
                ids.Add(vm.Id);
                await HandedOut.AssertAliveAndPausedAsync(vm);
                await client.ReleaseAsync(vm.Id, Timeout);
            }
        }));

        Assert.Equal(20, ids.Distinct().Count());
        var status = await node.Daemon.PoolAsync(p => p is { Leased: 0, Waiting: 0, Warm: > 0 }, "none is leased");
        Assert.Empty(status.Pools[0].Vms.Select(v => v.Id).Intersect(ids));
    }
}
