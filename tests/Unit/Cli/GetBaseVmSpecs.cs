using Grpc.Core;
using VmCacheCluster.Agent;
using VmCacheCluster.Cli;
using VmCacheCluster.Contracts.V1;
using VmCacheCluster.Kata.Wire;
using Xunit;

namespace VmCacheCluster.Tests.Unit.Cli;

public sealed class GetBaseVmSpecs
{
    private static Task<GrpcVM> Hand(string id) => Task.FromResult(new GrpcVM { Id = id });

    [Fact]
    public async Task Prints_the_fields_that_scripts_rely_on_as_json()
    {
        await using var node = await FakeNode.StartAsync(new FakeNode.Answers
        {
            GetBaseVm = _ => Hand("vm-1"),
            Get = id => Samples.Vm(id, VmState.Leased),
        });

        var run = await CliRun.Of("get-base-vm", "-o", "json", "--endpoint", node.Endpoint);

        Assert.Equal((0, ""), (run.Exit, run.Error));
        string Text(string name) => run.Json.GetProperty(name).GetString()!;
        long Number(string name) => run.Json.GetProperty(name).GetInt64();
        Assert.Equal(["vm-1", "boot", "on-demand"], new[] { "id", "madeBy", "served" }.Select(Text));
        Assert.Equal([4711, 2, 256, 30], new[] { "pid", "cpus", "memoryMiB", "gracePeriodSeconds" }.Select(Number));
        Assert.EndsWith("vm-1/qmp.sock", Text("qmp"));
        Assert.EndsWith("vm-1/agent.sock", Text("agent"));
        Assert.EndsWith("vm-1/console.sock", Text("console"));
        Assert.False(run.Json.TryGetProperty("resumed", out _));
        Assert.Empty(node.Released);
    }

    [Fact]
    public async Task Tells_the_grace_period_and_how_to_resume()
    {
        await using var node = await FakeNode.StartAsync(new FakeNode.Answers
        {
            GetBaseVm = _ => Hand("vm-1"),
            Get = id => Samples.Vm(id, VmState.Leased),
        });

        var run = await CliRun.Of("get-base-vm", "--endpoint", node.Endpoint);

        Assert.Contains("resume it within 30 s or it is destroyed (vmcache resume vm-1)", run.Out);
    }

    [Fact]
    public async Task Resumes_reseeds_sets_the_clock_and_waits_for_the_agent_when_told_to_resume()
    {
        await using var vm = new FakeVm("vm-1");
        await using var node = await FakeNode.StartAsync(new FakeNode.Answers { GetBaseVm = _ => Hand("vm-1"), Get = _ => vm.Vm });
        var before = DateTimeOffset.UtcNow.ToUnixTimeSeconds();

        var run = await CliRun.Of("get-base-vm", "--resume", "-o", "json", "--endpoint", node.Endpoint);

        Assert.Equal((0, ""), (run.Exit, run.Error));
        // A clock that was set late is set again.
        Assert.Equal(["cont", "Check", "ReseedRandomDev", "SetGuestDateTime"], vm.Asked.Distinct());
        Assert.Equal(512, vm.Reseed!.Data.Length);
        Assert.True(vm.Reseed.Data.Distinct().Count() > 100, "the entropy is not random");
        Assert.InRange(vm.Clock!.Sec, before, DateTimeOffset.UtcNow.ToUnixTimeSeconds());
        Assert.True(run.Json.GetProperty("resumed").GetProperty("total").GetDouble() > 0);
    }

    [Fact]
    public async Task Releases_the_vm_and_says_so_when_its_agent_refuses()
    {
        await using var vm = new FakeVm("vm-1")
        {
            OnReseed = _ => throw new TtrpcStatusException(TtrpcStatusCode.Internal, "no random device"),
        };
        await using var node = await FakeNode.StartAsync(new FakeNode.Answers { GetBaseVm = _ => Hand("vm-1"), Get = _ => vm.Vm });

        var run = await CliRun.Of("get-base-vm", "--resume", "--endpoint", node.Endpoint);

        Assert.Equal(ExitCode.Failed, run.Exit);
        Assert.Equal("", run.Out);
        Assert.Contains("VM vm-1 was taken, but then", run.Error);
        Assert.Contains("no random device", run.Error);
        Assert.Contains("it was released", run.Error);
        Assert.Equal(["vm-1"], node.Released);
    }

    [Fact]
    public async Task Says_that_the_vm_could_not_be_released_when_the_node_knows_only_katas_calls()
    {
        await using var node = await FakeNode.StartAsync(new FakeNode.Answers
        {
            GetBaseVm = _ => Hand("vm-1"),
            Get = _ => throw FakeNode.Answers.Status(StatusCode.Unimplemented, ""),
            Release = _ => throw FakeNode.Answers.Status(StatusCode.Unimplemented, ""),
        });

        var run = await CliRun.Of("get-base-vm", "-o", "json", "--endpoint", node.Endpoint);

        Assert.Equal(ExitCode.Failed, run.Exit);
        Assert.Contains("could not be released", run.ErrorJson.GetProperty("message").GetString());
        Assert.Equal("UNIMPLEMENTED", run.ErrorJson.GetProperty("code").GetString());
    }

    [Fact]
    public async Task Tells_why_there_is_no_vm_when_its_time_is_over()
    {
        await using var node = await FakeNode.StartAsync(new FakeNode.Answers
        {
            GetBaseVm = async context =>
            {
                var over = new TaskCompletionSource<GrpcVM>();
                await using var cancelled = context.CancellationToken.Register(() => over.TrySetCanceled());
                return await over.Task;
            },
            GetStatus = Samples.Node,
        });

        var run = await CliRun.Of("get-base-vm", "--timeout", "100ms", "--endpoint", node.Endpoint);

        Assert.Equal(ExitCode.ExhaustedOrTimeout, run.Exit);
        Assert.Contains("within 100 ms", run.Error);
        Assert.Contains("pool broken: no kernel at /nowhere", run.Error);
    }

    [Fact]
    public async Task Is_interrupted_without_a_vm_when_cancelled_while_waiting()
    {
        using var stop = new CancellationTokenSource();
        await using var node = await FakeNode.StartAsync(new FakeNode.Answers
        {
            GetBaseVm = async context =>
            {
                var over = new TaskCompletionSource<GrpcVM>();
                await using var cancelled = context.CancellationToken.Register(() => over.TrySetCanceled());
                await stop.CancelAsync();
                return await over.Task;
            },
        });

        var run = await CliRun.RunAsync(new Dictionary<string, string>(), null, stop.Token, "get-base-vm", "--endpoint", node.Endpoint);

        Assert.Equal(ExitCode.Interrupted, run.Exit);
        Assert.Equal("error: interrupted\n", run.Error);
    }

    [Fact]
    public async Task Releases_the_vm_when_interrupted_after_it_was_taken()
    {
        using var stop = new CancellationTokenSource();
        await using var node = await FakeNode.StartAsync(new FakeNode.Answers
        {
            GetBaseVm = _ => Hand("vm-1"),
            Get = id =>
            {
                stop.Cancel();
                throw FakeNode.Answers.Status(StatusCode.Cancelled, "");
            },
        });

        var run = await CliRun.RunAsync(new Dictionary<string, string>(), null, stop.Token, "get-base-vm", "--endpoint", node.Endpoint);

        Assert.Equal(ExitCode.Interrupted, run.Exit);
        Assert.Equal("error: VM vm-1 was taken, but then: interrupted; it was released\n", run.Error);
        Assert.Equal(["vm-1"], node.Released);
    }
}
