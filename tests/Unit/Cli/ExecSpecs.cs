using System.Text;
using Google.Protobuf;
using VmCacheCluster.Agent;
using VmCacheCluster.Agent.Guest;
using VmCacheCluster.Cli;
using VmCacheCluster.Contracts.V1;
using Xunit;
using ExecExited = VmCacheCluster.Agent.Guest.ExecExited;
using ExecStart = VmCacheCluster.Agent.Guest.ExecStart;

namespace VmCacheCluster.Tests.Unit.Cli;

public sealed class ExecSpecs
{
    private static readonly Dictionary<string, string> NoEnvironment = [];

    [Fact]
    public async Task Streams_input_output_and_error_and_exits_with_the_commands_status()
    {
        ExecStart? start = null;
        await using var vm = new FakeVm("vm-1")
        {
            Status = "running",
            OnExec = async (input, send, _) =>
            {
                var stdin = new StringBuilder();
                await foreach (var message in input)
                {
                    start ??= message.Start;
                    stdin.Append(message.Stdin.ToStringUtf8());
                    if (message.StdinEof)
                    {
                        break;
                    }
                }

                await send(new ExecOutput { Stdout = ByteString.CopyFromUtf8($"out:{stdin}") });
                await send(new ExecOutput { Stderr = ByteString.CopyFromUtf8("err") });
                await send(new ExecOutput { Exited = new ExecExited { Status = 7 } });
            },
        };
        await using var node = await FakeNode.StartAsync(new FakeNode.Answers { Get = _ => vm.Vm });

        var run = await CliRun.RunAsync(
            NoEnvironment, "hello", CancellationToken.None,
            "exec", "vm-1", "--env", "A=1", "-e", "B=2", "--cwd", "/tmp", "--timeout", "5s", "--endpoint", node.Endpoint, "--",
            "sh", "-c", "x", "--", "--help", "@file");

        Assert.Equal(new CliRun(7, "out:hello", "err"), run);
        Assert.Equal(["sh", "-c", "x", "--", "--help", "@file"], start!.Args);
        Assert.Equal(("1", "2"), (start.Env["A"], start.Env["B"]));
        Assert.Equal(("/tmp", 5000u), (start.WorkingDirectory, start.TimeoutMilliseconds));
    }

    [Theory]
    [InlineData(0, 9, false, 137)]
    [InlineData(137, 9, false, 137)]
    [InlineData(3, 0, false, 3)]
    [InlineData(137, 9, true, 124)]
    public async Task Exits_as_the_command_ended(int status, int signal, bool timedOut, int exit)
    {
        var run = await ExecAsync((_, send, _) => send(new ExecOutput
        {
            Exited = new ExecExited { Status = status, Signal = signal, TimedOut = timedOut },
        }).AsTask());

        Assert.Equal(exit, run.Exit);
    }

    [Theory]
    [InlineData(TtrpcStatusCode.NotFound, 127)]
    [InlineData(TtrpcStatusCode.PermissionDenied, 126)]
    [InlineData(TtrpcStatusCode.Unimplemented, 125)]
    public async Task Exits_as_env_does_when_the_command_cannot_be_run(TtrpcStatusCode code, int exit)
    {
        var run = await ExecAsync((_, _, _) => throw new TtrpcStatusException(code, "no program 'x'"));

        Assert.Equal(exit, run.Exit);
        Assert.Contains("no program 'x'", run.Error);
    }

    [Fact]
    public async Task Ends_the_command_in_silence_when_nobody_reads_its_output()
    {
        var abandoned = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var vm = new FakeVm("vm-1")
        {
            Status = "running",
            OnExec = async (_, send, cancel) =>
            {
                await using var told = cancel.Register(abandoned.SetResult);
                await send(new ExecOutput { Stdout = ByteString.CopyFromUtf8("y") });
                await abandoned.Task;
            },
        };
        await using var node = await FakeNode.StartAsync(new FakeNode.Answers { Get = _ => vm.Vm });
        using var error = new StringWriter();
        var host = new CliHost
        {
            Out = TextWriter.Null,
            Error = error,
            OpenIn = () => Stream.Null,
            OpenOut = () => new ReaderLeft(),
            OpenError = () => Stream.Null,
        };

        var exit = await CliApp.RunAsync(["exec", "vm-1", "--endpoint", node.Endpoint, "--", "yes"], host, CancellationToken.None);

        Assert.Equal((ExitCode.BrokenPipe, ""), (exit, error.ToString()));
        await abandoned.Task.WaitAsync(TimeSpan.FromSeconds(60));
    }

    [Fact]
    public async Task Says_how_to_resume_a_paused_vm()
    {
        await using var vm = new FakeVm("vm-1") { Status = "paused" };
        await using var node = await FakeNode.StartAsync(new FakeNode.Answers { Get = _ => vm.Vm });

        var run = await CliRun.Of("exec", "vm-1", "-o", "json", "--endpoint", node.Endpoint, "--", "true");

        Assert.Equal(ExitCode.ExecFailed, run.Exit);
        Assert.Equal("VM_PAUSED", run.ErrorJson.GetProperty("reason").GetString());
        Assert.Contains("vmcache resume vm-1", run.ErrorJson.GetProperty("message").GetString());
    }

    [Fact]
    public async Task Resumes_a_vm_by_the_beginning_of_its_id()
    {
        await using var vm = new FakeVm("vm-12345");
        await using var node = await FakeNode.StartAsync(new FakeNode.Answers
        {
            Get = id => id == "vm-12345" ? vm.Vm : throw FakeNode.Answers.Status(Grpc.Core.StatusCode.NotFound, "none"),
            GetStatus = () => new NodeStatus { Pools = { new PoolStatus { Vms = { vm.Vm } } } },
        });

        var run = await CliRun.Of("resume", "vm-12", "--endpoint", node.Endpoint);

        Assert.Equal((0, ""), (run.Exit, run.Error));
        Assert.StartsWith("vm-12345: resumed in ", run.Out);
        // A clock that was set late is set again.
        Assert.Equal(["cont", "Check", "ReseedRandomDev", "SetGuestDateTime"], vm.Asked.Distinct());
    }

    [Fact]
    public async Task Leaves_a_vm_alone_that_is_its_pools()
    {
        await using var vm = new FakeVm("vm-1");
        vm.Vm.State = VmState.Warm;
        await using var node = await FakeNode.StartAsync(new FakeNode.Answers { Get = _ => vm.Vm });

        var run = await CliRun.Of("resume", "vm-1", "--endpoint", node.Endpoint);

        Assert.Equal(ExitCode.WrongState, run.Exit);
        Assert.Contains("VM vm-1 is warm, not leased", run.Error);
        Assert.Empty(vm.Asked);
    }

    [Fact]
    public async Task Fails_with_125_when_there_is_no_such_vm()
    {
        await using var node = await FakeNode.StartAsync(new FakeNode.Answers());

        var run = await CliRun.Of("exec", "nope", "-o", "json", "--endpoint", node.Endpoint, "--", "true");

        Assert.Equal(ExitCode.ExecFailed, run.Exit);
        Assert.Equal("NOT_FOUND", run.ErrorJson.GetProperty("code").GetString());
    }

    private static async Task<CliRun> ExecAsync(Func<IAsyncEnumerable<ExecInput>, Func<ExecOutput, ValueTask>, CancellationToken, Task> exec)
    {
        await using var vm = new FakeVm("vm-1") { Status = "running", OnExec = exec };
        await using var node = await FakeNode.StartAsync(new FakeNode.Answers { Get = _ => vm.Vm });
        return await CliRun.Of("exec", "vm-1", "--endpoint", node.Endpoint, "--", "x");
    }

    private sealed class ReaderLeft : MemoryStream
    {
        public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default) =>
            throw new BrokenPipeException("the reader left");
    }
}
