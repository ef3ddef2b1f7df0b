using System.Text;
using Google.Protobuf.WellKnownTypes;
using Grpc.Core;
using VmCacheCluster.Cli;
using VmCacheCluster.Contracts.V1;
using Xunit;

namespace VmCacheCluster.Tests.Unit.Cli;

public sealed class ConnectSpecs
{
    private static readonly Dictionary<string, string> NoEnvironment = [];
    private static readonly string Token = new('a', 32);

    [Fact]
    public async Task Copies_input_to_the_vm_and_its_output_back_and_ends_when_the_vms_side_closes()
    {
        ConnectStart? start = null;
        await using var node = await FakeNode.StartAsync(new FakeNode.Answers
        {
            Get = _ => Leased(),
            Connect = async (asked, from, say) =>
            {
                start = asked;
                await say("login: ");
                Assert.True(await from.MoveNext());
                await say($"hello {from.Current.Data.ToStringUtf8()}");
            },
        });

        var run = await CliRun.RunAsync(NoEnvironment, "root\n", CancellationToken.None, "connect", "vm-1", "--linger", "1h", "--token", Token, "--endpoint", node.Endpoint);

        Assert.Equal(new CliRun(0, "login: hello root\n", ""), run);
        Assert.Equal(("vm-1", Token, VmSocket.Console), (start!.Id, start.Token, start.To));
    }

    /// <summary>QEMU would hang up at the end of input, its answer unsaid: it is not told of that end.</summary>
    [Fact]
    public async Task Prints_what_is_answered_after_the_end_of_input_and_ends_when_nothing_more_comes()
    {
        var told = new StringBuilder();
        await using var node = await FakeNode.StartAsync(new FakeNode.Answers
        {
            Get = _ => Leased(),
            Connect = async (_, from, say) =>
            {
                await from.MoveNext();
                await say("answer");
                try
                {
                    while (await from.MoveNext()) told.Append(from.Current.KindCase);
                    told.Append("end");
                }
                catch (IOException)
                {
                    // The caller has left.
                }
            },
        });

        var run = await CliRun.RunAsync(
            new Dictionary<string, string> { ["VMCACHE_TOKEN"] = Token }, "question", CancellationToken.None, "connect", "vm-1", "qmp", "--linger", "2s", "--endpoint", node.Endpoint);

        Assert.Equal((new CliRun(0, "answer", ""), ""), (run, told.ToString()));
    }

    [Fact]
    public async Task Says_why_when_the_vm_ends()
    {
        await using var node = await FakeNode.StartAsync(new FakeNode.Answers
        {
            Get = _ => Leased(),
            Connect = (_, _, _) => throw FakeNode.Answers.Status(StatusCode.NotFound, "VM vm-1 is ending: its lease expired"),
        });

        var run = await CliRun.RunAsync(NoEnvironment, "", CancellationToken.None, "connect", "vm-1", "agent", "--linger", "1h", "--token", Token, "--endpoint", node.Endpoint);

        Assert.Equal(ExitCode.NotFound, run.Exit);
        Assert.Contains("its lease expired", run.Error);
    }

    [Fact]
    public async Task Wants_a_token_a_lease_and_a_socket_that_there_is()
    {
        await using var node = await FakeNode.StartAsync(new FakeNode.Answers { Get = id => id == "vm-1" ? Leased() : Samples.Vm(id, VmState.Leased) });

        var tokenless = await CliRun.Of("connect", "vm-1", "--endpoint", node.Endpoint);
        var leaseless = await CliRun.Of("connect", "vm-2", "qmp", "--endpoint", node.Endpoint);
        var nowhere = await CliRun.Of("connect", "vm-1", "vnc", "--endpoint", node.Endpoint);

        Assert.Equal((ExitCode.Usage, ExitCode.WrongState, ExitCode.Usage), (tokenless.Exit, leaseless.Exit, nowhere.Exit));
        Assert.Contains("VMCACHE_TOKEN", tokenless.Error);
        Assert.Contains("connect to /run/vmcache/client/vm-2/qmp.sock", leaseless.Error);
    }

    private static Vm Leased()
    {
        var vm = Samples.Vm("vm-1", VmState.Leased);
        vm.ExpiresAt = Timestamp.FromDateTimeOffset(Samples.Now);
        return vm;
    }
}
