using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Google.Protobuf.WellKnownTypes;
using VmCacheCluster.Cli.Output;
using VmCacheCluster.Contracts.V1;

namespace VmCacheCluster.Tests.Unit.Cli;

/// <summary>A script acts on what it is told: what is not known is not there.</summary>
public sealed class UnknownFieldSpecs
{
    private const string Id = "0b1d8a52-6c0e-4a55-9d5c-1f0f6f3b9a10";

    /// <summary>As vmcached tells of it: nothing is known yet but that it is wanted.</summary>
    private static Vm Unborn => new() { Id = Id, Pool = "default", State = VmState.Creating };

    [Fact]
    public async Task Says_nothing_of_the_process_of_a_vm_that_is_being_created()
    {
        await using var node = await FakeNode.StartAsync(new FakeNode.Answers
        {
            GetStatus = () => new NodeStatus { Pid = 17, Pools = { new PoolStatus { Name = "default", Target = 1, Warming = 1, Vms = { Unborn } } } },
        });

        var run = await CliRun.Of("status", "-o", "json", "--endpoint", node.Endpoint);

        var vm = run.Json.GetProperty("pools")[0].GetProperty("vms")[0];
        Assert.Equal(["id", "state", "pool"], vm.EnumerateObject().Select(p => p.Name));
        Assert.False(run.Json.GetProperty("pools")[0].TryGetProperty("accelerator", out _));
    }

    [Fact]
    public void Leaves_out_what_is_not_known_everywhere()
    {
        AssertNothingMadeUp(ViewOf.Status(new NodeStatus { Pools = { new PoolStatus { Name = "p", Vms = { Unborn, Leased }, Events = { new PoolEvent { What = "w" } } } } }, "/s"), Json.Views.StatusView);
        AssertNothingMadeUp(new ListView([ViewOf.Vm(Unborn), ViewOf.Vm(Leased)]), Json.Views.ListView);
        AssertNothingMadeUp(ViewOf.Event(new WatchEvent { Epoch = "e", Sequence = 1, Kind = WatchEventKind.Changed, Vm = Unborn }), Json.Views.WatchEventView);
        AssertNothingMadeUp(ViewOf.BaseVm(new Vm { Id = Id, State = VmState.Leased, Qmp = "/q" }, null), Json.Views.BaseVmView);
        AssertNothingMadeUp(ViewOf.Applied(new GetPoolsResponse { Pools = { new AppliedPool { Pool = "p", Text = "vm-cache-number = 1" } } }), Json.Views.AppliedPoolsView);
        AssertNothingMadeUp(
            ViewOf.Cluster(new ClusterStatus { Node = "n", Hosts = { new Host { Node = "n", State = HostState.Joining, Pools = { new HostPool { Pool = "p" } } } } }), Json.Views.ClusterView);
    }

    [Fact]
    public void Tells_who_is_held_through_katas_call_by_nobody()
    {
        Vm[] vms = [Held("vm-left", connected: false), Held("vm-used", connected: true), Held("vm-far", connected: null)];
        var view = ViewOf.Status(new NodeStatus { Pools = { new PoolStatus { Name = "default", Vms = { vms } } } }, "/s");

        var text = StatusText.Of(view, wide: false, Samples.Now, Style.Plain);
        var wide = StatusText.Of(view, wide: true, Samples.Now, Style.Plain);

        Assert.Contains("held through Kata's call, and no client is connected: vm-left for 3h (", text);
        Assert.Contains("confirmed, by Kata's call for 3h, no client", wide);
        Assert.Contains("confirmed, by Kata's call for 3h, client connected", wide);
        var json = JsonSerializer.SerializeToElement(view, Json.Views.StatusView).GetProperty("pools")[0].GetProperty("vms");
        Assert.Equal(("kata", false), (json[0].GetProperty("heldBy").GetString(), json[0].GetProperty("clientConnected").GetBoolean()));
        Assert.False(json[2].TryGetProperty("clientConnected", out _));
    }

    private static Vm Leased => new() { Id = Id, State = VmState.Leased };

    private static Vm Held(string id, bool? connected)
    {
        var vm = Samples.Vm(id, VmState.Leased);
        (vm.Confirmed, vm.HeldBy, vm.HeldSince) = (true, HeldBy.Kata, Timestamp.FromDateTimeOffset(Samples.Now.AddHours(-3)));
        if (connected is { } known) vm.ClientConnected = known;
        return vm;
    }

    private static void AssertNothingMadeUp<T>(T view, JsonTypeInfo<T> type) => Walk(JsonSerializer.SerializeToElement(view, type), typeof(T).Name);

    private static void Walk(JsonElement json, string at)
    {
        switch (json.ValueKind)
        {
            case JsonValueKind.Object:
                foreach (var member in json.EnumerateObject()) Walk(member.Value, $"{at}.{member.Name}");
                break;
            case JsonValueKind.Array:
                foreach (var item in json.EnumerateArray()) Walk(item, at);
                break;
            case JsonValueKind.String:
                // The reason of a pool that is as it should be is known to be none.
                if (!at.EndsWith(".reason", StringComparison.Ordinal)) Assert.False(json.GetString() is "" or "unknown", $"{at} is made up: \"{json.GetString()}\"");
                Assert.DoesNotContain("1970", json.GetString(), StringComparison.Ordinal);
                break;
            case JsonValueKind.Number:
                // Counts may be 0; what names or measures something may not.
                if (!Counts.Any(c => at.EndsWith($".{c}", StringComparison.Ordinal))) Assert.True(json.GetDouble() > 0, $"{at} is made up: {json}");
                break;
        }
    }

    private static readonly string[] Counts = ["target", "warm", "warming", "leased", "waiting"];
}
