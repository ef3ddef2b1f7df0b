using System.Text;
using Google.Protobuf;
using VmCacheCluster.Agent;
using VmCacheCluster.Agent.Guest;
using Xunit;

namespace VmCacheCluster.Tests.Unit.Agent;

using Handler = Func<IAsyncEnumerable<ExecInput>, Func<ExecOutput, ValueTask>, CancellationToken, Task>;

public sealed class ExecSpecs
{
    private readonly MemoryStream _stdout = new();
    private readonly MemoryStream _stderr = new();

    [Fact]
    public async Task Copies_input_and_output_and_returns_the_status()
    {
        await using var pair = Serving(async (input, write, _) =>
        {
            await foreach (var message in input)
            {
                if (message.KindCase == ExecInput.KindOneofCase.Start) await write(new ExecOutput { Stderr = ByteString.CopyFromUtf8(message.Start.Args[0]) });
                if (message.KindCase == ExecInput.KindOneofCase.Stdin) await write(new ExecOutput { Stdout = message.Stdin });
                if (message.KindCase == ExecInput.KindOneofCase.StdinEof) break;
            }
            await write(new ExecOutput { Exited = new ExecExited { Status = 3 } });
        });
        var text = new byte[300_000];
        new Random(1).NextBytes(text);
        var exited = await RunAsync(pair, new MemoryStream(text));
        Assert.Equal(3, exited.Status);
        Assert.Equal("cat", Encoding.UTF8.GetString(_stderr.ToArray()));
        Assert.Equal(text, _stdout.ToArray());
    }

    [Fact]
    public async Task Returns_when_the_program_exits_though_its_input_never_ends()
    {
        await using var pair = Serving((_, write, _) => write(new ExecOutput { Exited = new ExecExited { Status = 1 } }).AsTask());
        Assert.Equal(1, (await RunAsync(pair, DuplexPair.Make().Left)).Status);
    }

    [Fact]
    public async Task Ends_the_program_when_it_is_cancelled()
    {
        var cancelled = new TaskCompletionSource();
        using var giveUp = new CancellationTokenSource();
        await using var pair = Serving(async (_, write, cancel) =>
        {
            TtrpcPair.TellWhenCancelled(cancel, cancelled);
            await write(new ExecOutput { Stdout = ByteString.CopyFromUtf8("up") });
            await Task.Delay(Timeout.Infinite, cancel);
        });
        var run = new AgentClient(pair.Client).ExecAsync(
            new ExecStart(), null, async _ => await giveUp.CancelAsync(), _ => ValueTask.CompletedTask, giveUp.Token);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => run.WaitAsync(TtrpcPair.Generous));
        await cancelled.Task.WaitAsync(TtrpcPair.Generous);
    }

    [Fact]
    public async Task Fails_when_the_guest_never_says_how_the_program_ended()
    {
        await using var pair = Serving((_, _, _) => Task.CompletedTask);
        var e = await Assert.ThrowsAsync<TtrpcStatusException>(() => RunAsync(pair, null));
        Assert.Equal(TtrpcStatusCode.Internal, e.Code);
    }

    [Fact]
    public async Task Fails_with_its_error_when_the_input_cannot_be_read()
    {
        await using var pair = Serving((_, _, cancel) => Task.Delay(Timeout.Infinite, cancel));
        var closed = new MemoryStream();
        await closed.DisposeAsync();
        await Assert.ThrowsAsync<ObjectDisposedException>(() => RunAsync(pair, closed));
    }

    private static TtrpcPair Serving(Handler handler) =>
        new(new TtrpcServer().AddBidi("vmcache.guest.v1.Guest", "Exec", ExecInput.Parser, handler));

    private Task<ExecExited> RunAsync(TtrpcPair pair, Stream? stdin) => new AgentClient(pair.Client)
        .ExecAsync(new ExecStart { Args = { "cat" } }, stdin, b => _stdout.WriteAsync(b), b => _stderr.WriteAsync(b), default)
        .WaitAsync(TtrpcPair.Generous);
}
