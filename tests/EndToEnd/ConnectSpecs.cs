using Grpc.Core;
using VmCacheCluster.Agent;
using VmCacheCluster.Client;
using VmCacheCluster.Contracts.V1;
using VmCacheCluster.Tests.EndToEnd.Support;
using VmCacheCluster.Tests.TestSupport;

namespace VmCacheCluster.Tests.EndToEnd;

/// <summary>The sockets of a leased VM, by way of the built daemon. Through another node: ClusterSpecs; with real QEMU: RealLeaseSpecs.</summary>
[Trait("Category", "Fake")]
public sealed class ConnectSpecs : HouseSpecs
{
    [Fact]
    public async Task Answers_on_the_monitor_when_driven_by_the_command_line_tool()
    {
        var daemon = House.Start(House.Fakes(1));
        await daemon.WarmAsync();
        await using var vm = await daemon.Client.AcquireAsync();

        var run = await CliRun.WithInputAsync(
            House.Endpoint, """{"execute":"qmp_capabilities"}{"execute":"query-status"}""", "connect", vm.Id, "qmp", "--token", vm.Token, "--linger", "3s");

        Assert.True(run.ExitCode == 0, run.Error);
        Assert.Contains("\"QMP\"", run.Out, StringComparison.Ordinal);
        Assert.Contains("\"running\"", run.Out, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Is_one_clients_at_a_time_who_is_told_when_the_vm_has_ended()
    {
        var daemon = House.Start(House.Fakes(1));
        await daemon.ReadyAsync();
        await using var vm = await daemon.Client.AcquireAsync();
        var console = await vm.ConnectAsync(VmSocket.Console);
        await using var monitor = await vm.ConnectAsync(VmSocket.Qmp);

        await RefusedAsync(StatusCode.FailedPrecondition, "SOCKET_BUSY", () => vm.ConnectAsync(VmSocket.Console));
        await console.DisposeAsync();
        await using var again = await vm.ConnectAsync(VmSocket.Console);
        Assert.Equal("running", await StreamTalk.StatusAsync(monitor));

        await vm.ReleaseAsync();
        foreach (var stream in new[] { monitor, again }) await RefusedAsync(StatusCode.NotFound, "UNKNOWN_VM", () => ToTheEndAsync(stream));
        await RefusedAsync(StatusCode.NotFound, "UNKNOWN_VM", () => vm.ConnectAsync(VmSocket.Console));
    }

    [Fact]
    public async Task Tells_who_is_connected_when_qemu_is_killed()
    {
        var daemon = House.Start(House.Fakes(1));
        await daemon.ReadyAsync();
        await using var vm = await daemon.Client.AcquireAsync();
        await using var monitor = await vm.ConnectAsync(VmSocket.Qmp);

        await Processes.KillAsync(vm.Vm.Pid);

        await RefusedAsync(StatusCode.NotFound, "UNKNOWN_VM", () => ToTheEndAsync(monitor));
    }

    [Fact]
    public async Task Leads_to_the_agent_only_who_asked_for_it_and_only_by_its_token()
    {
        var daemon = House.Start(House.Fakes(2));
        await daemon.WarmAsync();
        await using var ours = await daemon.Client.AcquireAsync();
        await using var theirs = await daemon.Client.AcquireAsync("", new AcquireOptions { ClientHoldsAgent = true });

        await RefusedAsync(StatusCode.FailedPrecondition, "WRONG_STATE", () => ours.ConnectAsync(VmSocket.Agent));
        await RefusedAsync(StatusCode.FailedPrecondition, "STALE_TOKEN", () => daemon.Client.ConnectAsync(theirs.Id, ours.Token, VmSocket.Agent));
        await using var agent = new TtrpcClient(await theirs.ConnectAsync(VmSocket.Agent));

        Assert.Equal("fake", (await new AgentClient(agent).VersionAsync(CancellationToken.None, Eventually.Patience)).AgentVersion);
    }

    [Fact]
    public async Task Is_told_that_the_daemon_stops_and_can_come_again_when_the_next_one_is_there()
    {
        var settings = House.Fakes(1);
        var first = House.Start(settings);
        await first.WarmAsync();
        var vm = await first.Client.AcquireAsync("", new AcquireOptions { AutomaticRenewal = false });
        await using var monitor = await vm.ConnectAsync(VmSocket.Qmp);

        var stopping = first.TerminateAsync();
        await RefusedAsync(StatusCode.Unavailable, "STOPPING", () => ToTheEndAsync(monitor));
        Assert.Equal(0, await stopping);

        var second = House.Start(settings);
        await second.ReadyAsync();
        await using var again = await second.Client.ConnectAsync(vm.Id, vm.Token, VmSocket.Qmp);
        Assert.Equal("running", await StreamTalk.StatusAsync(again));
        await second.Client.ReleaseAsync(vm.Id, HandedOut.Timeout, token: vm.Token);
    }

    private static async Task ToTheEndAsync(Stream stream)
    {
        for (var chunk = new byte[512]; await stream.ReadAsync(chunk).AsTask().WaitAsync(Eventually.Patience) > 0;)
        {
        }
    }

    private static async Task RefusedAsync(StatusCode code, string reason, Func<Task> call)
    {
        var fault = await Assert.ThrowsAsync<VmCacheException>(call);
        Assert.True((code, reason) == (fault.Code, fault.Reason), $"{fault.Code} {fault.Reason}: {fault.Message}");
    }
}
