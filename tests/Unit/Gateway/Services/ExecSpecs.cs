using System.Text;
using Google.Protobuf;
using Grpc.Core;
using VmCacheCluster.Actors.Gateway;
using VmCacheCluster.Agent;
using VmCacheCluster.Client;
using VmCacheCluster.Contracts.V1;
using VmCacheCluster.Domain;
using VmCacheCluster.Domain.Ports;
using VmCacheCluster.Tests.TestSupport;

namespace VmCacheCluster.Tests.Unit.Gateway.Services;

public sealed class ExecSpecs
{
    private static readonly string Id = ServiceHost.Id.Value;

    [Fact]
    public async Task Streams_both_ways_and_tells_how_the_program_ended()
    {
        var guest = new ScriptedGuest();
        await using var host = await ServiceHost.StartAsync(_ => new GuestLent(ServiceHost.Id, guest));
        var printed = new StringBuilder();
        var program = new GuestProgram
        {
            Args = ["sh", "-c", "x"], Environment = new Dictionary<string, string> { ["A"] = "1" }, WorkingDirectory = "/tmp", Timeout = TimeSpan.FromSeconds(9),
        };
        using var stdin = new MemoryStream(Encoding.UTF8.GetBytes("hello"));

        var run = host.Client.ExecAsync(Id, ServiceHost.Token, program, stdin, Add(printed), Add(printed));
        await guest.StdinClosed.Task.WaitAsync(ServiceHost.Patience);
        guest.Print("out");
        guest.Output.Writer.TryWrite(new GuestOutput.Stderr("err"u8.ToArray()));
        guest.Exit(7);
        var exited = await run.WaitAsync(ServiceHost.Patience);

        Assert.Equal((7, "hello", "outerr"), (exited.Status, guest.Stdin, printed.ToString()));
        Assert.Equal(["sh", "-c", "x"], guest.Command!.Args);
        Assert.Equal(("1", "/tmp", TimeSpan.FromSeconds(9)), (guest.Command.Environment["A"], guest.Command.WorkingDirectory, guest.Command.Limit));
        Assert.Equal((ServiceHost.Id, ServiceHost.Token), (host.Gateway.Only<UseGuest>().Id, host.Gateway.Only<UseGuest>().Token.Value));
    }

    /// <summary>What is still being read of a call when it ends must not meet the connection's next one.</summary>
    [Fact]
    public async Task Leaves_the_connection_fit_for_the_next_call_when_a_program_ends_before_its_input()
    {
        ScriptedGuest guest = null!;
        await using var host = await ServiceHost.StartAsync(message => message is UseGuest ? new GuestLent(ServiceHost.Id, guest) : new VmReleased(ServiceHost.Id));
        for (var i = 0; i < 300; i++)
        {
            guest = new ScriptedGuest();
            guest.Exit(0);
            using var exec = host.Calls.Exec();
            await exec.RequestStream.WriteAsync(new ExecRequest { Start = new ExecStart { Id = Id, Token = ServiceHost.Token, Args = { "true" } } });
            var input = SendAsync(exec.RequestStream);
            while (await exec.ResponseStream.MoveNext(CancellationToken.None).WaitAsync(ServiceHost.Patience))
            {
            }

            await input.WaitAsync(ServiceHost.Patience);
            Assert.Equal(StatusCode.OK, exec.GetStatus().StatusCode);
            await host.Calls.ReleaseAsync(new ReleaseRequest { Id = Id });
        }
    }

    /// <summary>It may come when the program has ended already.</summary>
    private static async Task SendAsync(IClientStreamWriter<ExecRequest> to)
    {
        try
        {
            await to.WriteAsync(new ExecRequest { Stdin = ByteString.CopyFromUtf8("input") });
            await to.CompleteAsync();
        }
        catch (Exception fault) when (fault is RpcException or InvalidOperationException)
        {
        }
    }

    [Fact]
    public async Task Kills_the_program_when_the_caller_leaves()
    {
        var guest = new ScriptedGuest();
        await using var host = await ServiceHost.StartAsync(_ => new GuestLent(ServiceHost.Id, guest));
        using var leave = new CancellationTokenSource();
        var run = RunAsync(host, leave.Token);
        await guest.StdinClosed.Task.WaitAsync(ServiceHost.Patience);

        await leave.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => run);
        await guest.Killed.Task.WaitAsync(ServiceHost.Patience);
    }

    [Fact]
    public async Task Kills_the_program_when_the_daemon_stops()
    {
        var guest = new ScriptedGuest();
        await using var host = await ServiceHost.StartAsync(_ => new GuestLent(ServiceHost.Id, guest));
        var run = RunAsync(host);
        await guest.StdinClosed.Task.WaitAsync(ServiceHost.Patience);

        host.BeginStop();

        var fault = await Assert.ThrowsAsync<VmCacheException>(() => run.WaitAsync(ServiceHost.Patience));
        Assert.Equal((StatusCode.Unavailable, "STOPPING"), (fault.Code, fault.Reason));
        await guest.Killed.Task.WaitAsync(ServiceHost.Patience);
    }

    [Fact]
    public async Task Reads_no_more_input_than_the_guest_takes()
    {
        var takes = new TaskCompletionSource();
        var guest = new ScriptedGuest { TakesInput = takes.Task };
        await using var host = await ServiceHost.StartAsync(_ => new GuestLent(ServiceHost.Id, guest));
        var endless = new EndlessStream();

        var run = host.Client.ExecAsync(Id, ServiceHost.Token, new GuestProgram { Args = ["cat"] }, endless, Add(new()), Add(new()));
        await Eventually.Async(() => endless.Stalled(), "the caller's input is not read any more");
        guest.Exit(0);

        Assert.Equal(0, (await run.WaitAsync(ServiceHost.Patience)).Status);
        Assert.InRange(endless.Taken, 1, 16 << 20);
    }

    [Theory]
    [InlineData(TtrpcStatusCode.NotFound, StatusCode.NotFound, "COMMAND_NOT_FOUND")]
    [InlineData(TtrpcStatusCode.PermissionDenied, StatusCode.PermissionDenied, "COMMAND_NOT_EXECUTABLE")]
    [InlineData(TtrpcStatusCode.Unimplemented, StatusCode.FailedPrecondition, "NO_EXEC")]
    [InlineData(TtrpcStatusCode.Internal, StatusCode.Unavailable, "GUEST_FAILED")]
    public async Task Tells_why_a_program_could_not_be_run(TtrpcStatusCode guestSays, StatusCode code, string reason)
    {
        var guest = new ScriptedGuest
        {
            OnExec = _ => new VmFailedException(new VmFailure(VmFailureKind.Agent, "no such program"), new TtrpcStatusException(guestSays, "no such program")),
        };
        await using var host = await ServiceHost.StartAsync(_ => new GuestLent(ServiceHost.Id, guest));

        var fault = await Assert.ThrowsAsync<VmCacheException>(() => RunAsync(host));

        Assert.Equal((code, reason), (fault.Code, fault.Reason));
    }

    [Fact]
    public async Task Wants_the_start_first_and_only_once()
    {
        var guest = new ScriptedGuest();
        await using var host = await ServiceHost.StartAsync(_ => new GuestLent(ServiceHost.Id, guest));
        var start = new ExecRequest { Start = new ExecStart { Id = Id, Token = ServiceHost.Token, Args = { "x" } } };

        Assert.Equal(StatusCode.InvalidArgument, await StatusAsync(host, new ExecRequest { StdinEof = true }));
        Assert.Empty(host.Gateway.Messages);
        Assert.Equal(StatusCode.InvalidArgument, await StatusAsync(host, start, start));
        Assert.Equal(StatusCode.InvalidArgument, await StatusAsync(host, new ExecRequest { Start = new ExecStart { Id = Id, Token = ServiceHost.Token } }));
    }

    private static async Task<StatusCode> StatusAsync(ServiceHost host, params ExecRequest[] requests)
    {
        using var call = host.Calls.Exec();
        foreach (var request in requests) await call.RequestStream.WriteAsync(request);
        var fault = await Assert.ThrowsAsync<RpcException>(() => call.ResponseStream.MoveNext(default).WaitAsync(ServiceHost.Patience));
        return fault.StatusCode;
    }

    private static Task<ExecExited> RunAsync(ServiceHost host, CancellationToken cancel = default) => host.Client.ExecAsync(
        Id, ServiceHost.Token, new GuestProgram { Args = ["sleep"] }, null, Add(new()), Add(new()), cancel);

    private static Func<ReadOnlyMemory<byte>, ValueTask> Add(StringBuilder text) => chunk =>
    {
        text.Append(Encoding.UTF8.GetString(chunk.Span));
        return ValueTask.CompletedTask;
    };

    private sealed class EndlessStream : MemoryStream
    {
        private long _read;
        private long _seen = -1;
        private int _same;

        public long Taken => Interlocked.Read(ref _read);

        /// <summary>Nothing was read between many looks.</summary>
        public bool Stalled()
        {
            _same = Taken == _seen && _seen > 0 ? _same + 1 : 0;
            _seen = Taken;
            return _same > 20;
        }

        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            Interlocked.Add(ref _read, buffer.Length);
            return ValueTask.FromResult(buffer.Length);
        }
    }
}
