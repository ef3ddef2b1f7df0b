using Grpc.Core;
using VmCacheCluster.Cli;
using VmCacheCluster.Contracts.V1;
using Xunit;

namespace VmCacheCluster.Tests.Unit.Cli;

public sealed class ReleaseSpecs
{
    [Fact]
    public async Task Releases_each_vm_once()
    {
        await using var node = await FakeNode.StartAsync(new FakeNode.Answers { Get = id => Samples.Vm(id, VmState.Leased) });

        var run = await CliRun.Of("release", "vm-1", "vm-2", "vm-1", "--endpoint", node.Endpoint);

        Assert.Equal(new CliRun(0, "released vm-1\nreleased vm-2\n", ""), run);
        Assert.Equal(["vm-1", "vm-2"], node.Released);
    }

    [Fact]
    public async Task Releases_what_it_can_and_exits_with_the_first_failures_status()
    {
        await using var node = await FakeNode.StartAsync(new FakeNode.Answers
        {
            Get = id => id == "gone" ? throw FakeNode.Answers.Status(StatusCode.NotFound, "none") : Samples.Vm(id, VmState.Leased),
            Release = id =>
            {
                if (id == "warm")
                {
                    throw FakeNode.Answers.Status(StatusCode.FailedPrecondition, "it is warm");
                }
            },
        });

        var run = await CliRun.Of("release", "gone", "warm", "vm-2", "-o", "json", "--endpoint", node.Endpoint);

        Assert.Equal(ExitCode.NotFound, run.Exit);
        Assert.Equal("vm-2", Assert.Single(run.Json.GetProperty("released").EnumerateArray()).GetString());
        Assert.Contains("no VM 'gone'", run.Error);
        Assert.Contains("it is warm", run.Error);
    }
}
