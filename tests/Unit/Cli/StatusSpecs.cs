using System.Text.Json;
using VmCacheCluster.Cli.Output;
using VmCacheCluster.Contracts.V1;
using Xunit;

namespace VmCacheCluster.Tests.Unit.Cli;

public sealed class StatusSpecs
{
    [Fact]
    public void Prints_pools_vms_and_events_as_tables()
    {
        var text = StatusText.Of(ViewOf.Status(Samples.Node(), "-"), wide: false, Samples.Now, Style.Plain);

        Assert.Equal(
            """
            POOL      READY   WARMING   LEASED   WAITING   ACCEL   REASON
            default   1/2     1         1        4         tcg
            broken    0/1     0         0        0         tcg     no kernel at /nowhere: qemu said so

            ID       POOL      STATE    PID    CPUS   MEMORY    MADE-BY
            vm-aa1   default   warm     4711   2      256 MiB   boot
            vm-bb2   default   leased   4711   2      256 MiB   boot

            AGE   POOL      VM      EVENT
            90s   default   vm-00   died: killed by signal 9
            5s    default   -       refilling

            """,
            text);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Says_in_a_vms_row_why_its_end_cannot_be_completed(bool wide)
    {
        var node = Samples.Node();
        var ending = Samples.Vm("vm-cc3", VmState.Stopping);
        ending.Obstacle = "rootfs is a mount point (umount rootfs)";
        node.Pools[0].Vms.Add(ending);

        var lines = StatusText.Of(ViewOf.Status(node, "-"), wide, Samples.Now, Style.Plain).Split('\n');

        Assert.EndsWith("REASON", Assert.Single(lines, l => l.StartsWith("ID ", StringComparison.Ordinal)), StringComparison.Ordinal);
        Assert.EndsWith("its end cannot be completed and is tried again: rootfs is a mount point (umount rootfs)",
            Assert.Single(lines, l => l.StartsWith("vm-cc3   default   stopping", StringComparison.Ordinal)), StringComparison.Ordinal);
        Assert.EndsWith("-", Assert.Single(lines, l => l.StartsWith("vm-aa1", StringComparison.Ordinal)), StringComparison.Ordinal);
        Assert.Equal("rootfs is a mount point (umount rootfs)", ViewOf.Vm(ending).Obstacle);
        Assert.Null(ViewOf.Vm(Samples.Vm("vm-aa1", VmState.Warm)).Obstacle);
    }

    [Fact]
    public void Prints_more_columns_when_wide()
    {
        var text = StatusText.Of(ViewOf.Status(Samples.Node(), "-"), wide: true, Samples.Now, Style.Plain);

        Assert.StartsWith("vmcached 0.1.0, pid 17, up 3h, /run/vmcache/cache.sock\n", text);
        Assert.Contains("/run/vmcache/client/vm-bb2/agent.sock", text);
        Assert.Contains("unconfirmed", text);
        Assert.Contains("no kernel message under KVM within 5 s", text);
        Assert.Contains("2026-05-04T11:58:30.000Z", text);
    }

    [Fact]
    public void Says_so_when_there_are_no_pools() =>
        Assert.Equal("no pools\n", StatusText.Of(ViewOf.Status(new NodeStatus(), "/s"), wide: false, Samples.Now, Style.Plain));

    [Fact]
    public async Task Prints_the_fields_that_scripts_rely_on_as_json()
    {
        await using var node = await FakeNode.StartAsync(new FakeNode.Answers { GetStatus = Samples.Node });

        var run = await CliRun.Of("status", "-o", "json", "--endpoint", node.Endpoint);

        Assert.Equal((0, ""), (run.Exit, run.Error));
        Assert.Equal(17, run.Json.GetProperty("pid").GetInt64());
        Assert.Equal("/run/vmcache/cache.sock", run.Json.GetProperty("endpoint").GetString());
        var pool = run.Json.GetProperty("pools")[0];
        Assert.Equal("default", pool.GetProperty("name").GetString());
        Assert.Equal([2, 1, 1, 1], Numbers(pool, "target", "warm", "warming", "leased"));
        Assert.Equal("", pool.GetProperty("reason").GetString());
        var vm = pool.GetProperty("vms")[1];
        Assert.Equal(["vm-bb2", "leased", "boot"], Texts(vm, "id", "state", "madeBy"));
        Assert.Equal([4711, 2, 256], Numbers(vm, "pid", "cpus", "memoryMiB"));
        Assert.Empty(run.Json.GetProperty("pools")[1].GetProperty("vms").EnumerateArray());
    }

    [Fact]
    public async Task Names_the_socket_it_asked_when_the_node_names_none()
    {
        await using var node = await FakeNode.StartAsync(new FakeNode.Answers());

        var run = await CliRun.With(new Dictionary<string, string> { ["VMCACHE_ENDPOINT"] = node.Endpoint }, "-o", "json", "status");

        Assert.Equal(node.Endpoint, run.Json.GetProperty("endpoint").GetString());
    }

    [Theory]
    [InlineData(VmState.Unspecified)]
    [InlineData((VmState)77)]
    public void Calls_a_state_of_a_newer_node_unknown(VmState state) => Assert.Equal("unknown", Words.Of(state));

    [Fact]
    public void Has_a_word_of_its_own_for_every_state()
    {
        var words = Enum.GetValues<VmState>().Where(s => s != VmState.Unspecified).Select(Words.Of).ToList();

        Assert.DoesNotContain("unknown", words);
        Assert.Equal(words.Count, words.Distinct().Count());
        Assert.All(words, w => Assert.Equal(w.ToLowerInvariant(), w));
    }

    private static IEnumerable<long> Numbers(JsonElement json, params string[] names) => names.Select(n => json.GetProperty(n).GetInt64());

    private static IEnumerable<string?> Texts(JsonElement json, params string[] names) => names.Select(n => json.GetProperty(n).GetString());
}
