using VmCacheCluster.Agent.Guest;
using VmCacheCluster.Agent;
using Xunit;
using static VmCacheCluster.Tests.Qemu.Guest.GuestPrograms;

namespace VmCacheCluster.Tests.Qemu.Guest;

[Trait("Category", "Qemu")]
[Collection(GuestCollection.Name)]
public sealed class GuestExecSpecs(BootedGuest guest) : IAsyncLifetime
{
    private const int Killed = 9;
    private TtrpcClient _client = null!;

    public async Task InitializeAsync() => _client = await guest.ConnectAsync();

    public async Task DisposeAsync() => await _client.DisposeAsync();

    [Fact]
    public async Task Keeps_output_and_errors_apart_when_a_program_writes_both()
    {
        var result = await _client.RunAsync("sh", "-c", "echo out; echo err >&2; exit 7");

        Assert.Equal(("out\n", "err\n", 7, 0), (result.Output, result.Errors, result.Exited.Status, result.Exited.Signal));
    }

    [Fact]
    public async Task Gives_the_program_its_input_environment_and_directory()
    {
        var start = Start("sh", "-c", "cat; echo $GREETING; pwd");
        start.Env["GREETING"] = "grüß Gott";
        start.WorkingDirectory = "/tmp";

        Assert.Equal("line\ngrüß Gott\n/tmp\n", (await _client.RunAsync(start, "line\n")).Output);
    }

    [Fact]
    public async Task Ends_well_when_the_program_does_not_read_its_input()
    {
        var result = await _client.RunAsync(Start("true"), new string('x', 300_000));

        Assert.Equal(0, result.Exited.Status);
    }

    [Fact]
    public async Task Ends_the_program_when_much_input_waits_and_it_takes_none()
    {
        var fault = await Assert.ThrowsAsync<TtrpcStatusException>(
            () => _client.RunAsync(Start("sleep", "4321"), new string('x', 8_000_000)));

        Assert.Equal(TtrpcStatusCode.ResourceExhausted, fault.Code);
        Assert.True(await _client.BecomesAsync("ps | grep -c '[s]leep 4321'", "0"));
    }

    [Fact]
    public async Task Starts_programs_with_default_signals_and_no_foreign_descriptors()
    {
        var signals = await _client.RunAsync("sh", "-c", "grep -E '^Sig(Blk|Ign)' /proc/self/status | tr -d '\\t\\n'");
        // Without a shell, whose own pipes would be among them; 3 is the directory that ls reads.
        var descriptors = await _client.RunAsync("ls", "/proc/self/fd");

        Assert.Equal("SigBlk:0000000000000000SigIgn:0000000000000000", signals.Output);
        Assert.Equal("0\n1\n2\n3\n", descriptors.Output);
    }

    [Fact]
    public async Task Tells_the_signal_when_a_program_is_killed()
    {
        var exited = (await _client.RunAsync("sh", "-c", "kill -TERM $$")).Exited;

        Assert.Equal((143, 15, false), (exited.Status, exited.Signal, exited.TimedOut));
    }

    [Fact]
    public async Task Kills_the_whole_group_when_the_time_limit_passes()
    {
        var start = Start("sh", "-c", "echo begun; sleep 7654 & sleep 7654");
        start.TimeoutMilliseconds = 500;

        var result = await _client.RunAsync(start);

        Assert.Equal(("begun\n", 128 + Killed, true), (result.Output, result.Exited.Status, result.Exited.TimedOut));
        Assert.True(await _client.BecomesAsync("ps | grep -c '[s]leep 7654'", "0"));
    }

    [Fact]
    public async Task Streams_ten_megabytes_without_loss()
    {
        const int length = 10 * 1024 * 1024;
        long received = 0;
        var exited = await new AgentClient(_client).ExecAsync(
            Start("sh", "-c", $"yes 0123456 | head -c {length}"),
            null,
            bytes =>
            {
                for (var i = 0; i < bytes.Length; i++)
                {
                    if (bytes.Span[i] != "0123456\n"[(int)((received + i) % 8)]) throw new InvalidOperationException($"wrong byte at {received + i}");
                }

                received += bytes.Length;
                return ValueTask.CompletedTask;
            },
            _ => ValueTask.CompletedTask,
            CancellationToken.None).WaitAsync(BootedGuest.Patience);

        Assert.Equal((length, 0), (received, exited.Status));
    }

    [Fact]
    public async Task Carries_a_megabyte_there_and_back()
    {
        var text = string.Concat(Enumerable.Range(0, 131_072).Select(i => $"{i:D7}\n"));

        Assert.Equal(text, (await _client.RunAsync(Start("cat"), text)).Output);
    }

    [Theory]
    [InlineData("no-such-program", TtrpcStatusCode.NotFound)]
    [InlineData("/no/such/program", TtrpcStatusCode.NotFound)]
    [InlineData("/etc/passwd", TtrpcStatusCode.PermissionDenied)]
    [InlineData("", TtrpcStatusCode.InvalidArgument)]
    [InlineData("a\0b", TtrpcStatusCode.InvalidArgument)]
    public async Task Says_why_when_a_program_cannot_be_run(string program, TtrpcStatusCode code)
    {
        var fault = await Assert.ThrowsAsync<TtrpcStatusException>(() => _client.RunAsync(program));

        Assert.Equal(code, fault.Code);
        if (code == TtrpcStatusCode.NotFound) Assert.Contains(program, fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Names_the_directory_when_it_is_missing()
    {
        var start = Start("true");
        start.WorkingDirectory = "/nowhere";

        var fault = await Assert.ThrowsAsync<TtrpcStatusException>(() => _client.RunAsync(start));

        Assert.Equal(TtrpcStatusCode.NotFound, fault.Code);
        Assert.Contains("/nowhere", fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Refuses_a_call_that_does_not_begin_with_start()
    {
        await using var call = await _client.OpenStreamAsync<ExecInput, ExecOutput>(
            AgentServices.Guest, "Exec", ExecOutput.Parser, CancellationToken.None, BootedGuest.Patience);
        await call.WriteAsync(new ExecInput { StdinEof = true });

        var fault = await Assert.ThrowsAsync<TtrpcStatusException>(async () => await call.ReadAsync());

        Assert.Equal(TtrpcStatusCode.InvalidArgument, fault.Code);
    }

    [Fact]
    public async Task Kills_the_program_when_its_call_is_cancelled()
    {
        using var cancel = new CancellationTokenSource();
        var begun = new TaskCompletionSource();
        var run = new AgentClient(_client).ExecAsync(
            Start("sh", "-c", "echo begun; sleep 8765"), null, _ => Complete(begun), _ => ValueTask.CompletedTask, cancel.Token);
        await begun.Task.WaitAsync(BootedGuest.Patience);

        await cancel.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => run);
        Assert.True(await _client.BecomesAsync("ps | grep -c '[s]leep 8765'", "0"));
    }

    [Fact]
    public async Task Kills_the_program_when_its_client_leaves()
    {
        var begun = new TaskCompletionSource();
        var run = new AgentClient(_client).ExecAsync(
            Start("sh", "-c", "echo begun; sleep 9876"), null, _ => Complete(begun), _ => ValueTask.CompletedTask, CancellationToken.None);
        await begun.Task.WaitAsync(BootedGuest.Patience);
        await _client.DisposeAsync();
        await Assert.ThrowsAsync<TtrpcConnectionException>(() => run);

        Assert.True(await guest.EndsAsync("sleep 9876"));
    }

    [Fact]
    public async Task Ends_with_the_program_when_it_leaves_one_in_the_background()
    {
        var result = await _client.RunAsync("sh", "-c", "sleep 5432 & echo $!");

        Assert.Equal(0, result.Exited.Status);
        Assert.Equal("", (await _client.RunAsync("kill", result.Output.Trim())).Errors);
    }

    [Fact]
    public async Task Keeps_programs_apart_when_several_run_at_once()
    {
        var runs = Enumerable.Range(0, 16).Select(i => _client.RunAsync(Start("sh", "-c", $"cat; exit {i}"), $"input {i}")).ToArray();

        var results = await Task.WhenAll(runs);

        Assert.Equal(Enumerable.Range(0, 16).Select(i => ($"input {i}", i)), results.Select(r => (r.Output, r.Exited.Status)));
    }

    [Fact]
    public async Task Leaves_no_zombie_when_orphans_end()
    {
        await _client.RunAsync("sh", "-c", "for i in 1 2 3 4 5 6 7 8; do (sleep 0.1 &) ; done");

        Assert.True(await _client.BecomesAsync("ps -o stat,args | grep -cE '^Z|[s]leep 0.1'", "0"));
    }

    private static ValueTask Complete(TaskCompletionSource begun)
    {
        begun.TrySetResult();
        return ValueTask.CompletedTask;
    }
}
