using Google.Protobuf;
using VmCacheCluster.Agent.Guest;

namespace VmCacheCluster.Agent;

/// <summary>One run of a program in the guest: pumps its input one way and its output the other.</summary>
internal sealed class ExecCall(
    TtrpcClient client, Func<ReadOnlyMemory<byte>, ValueTask> stdout, Func<ReadOnlyMemory<byte>, ValueTask> stderr)
{
    private const int StdinChunk = 32 * 1024;

    public async Task<ExecExited> RunAsync(ExecStart start, Stream? stdin, CancellationToken cancel)
    {
        var call = await client
            .OpenStreamAsync<ExecInput, ExecOutput>(AgentServices.Guest, "Exec", ExecOutput.Parser, cancel).ConfigureAwait(false);
        await using var _ = call.ConfigureAwait(false);
        await call.WriteAsync(new ExecInput { Start = start }, cancel).ConfigureAwait(false);

        using var over = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        var input = PumpInputAsync(call, stdin, over.Token);
        var output = PumpOutputAsync(call, over.Token);
        try
        {
            // A failure of the input ends the run; its end does not. A read of stdin that cannot be cancelled (a terminal's)
            // must not hold up the program's end, so the input is never waited for alone.
            if (await Task.WhenAny(input, output).ConfigureAwait(false) == input) await input.ConfigureAwait(false);
            return await output.ConfigureAwait(false);
        }
        finally
        {
            await over.CancelAsync().ConfigureAwait(false);
        }
    }

    private static async Task PumpInputAsync(TtrpcStream<ExecInput, ExecOutput> call, Stream? stdin, CancellationToken cancel)
    {
        if (stdin is not null)
        {
            var chunk = new byte[StdinChunk];
            int read;
            while ((read = await stdin.ReadAsync(chunk, cancel).ConfigureAwait(false)) > 0)
                await call.WriteAsync(new ExecInput { Stdin = ByteString.CopyFrom(chunk, 0, read) }, cancel).ConfigureAwait(false);
        }
        await call.WriteAsync(new ExecInput { StdinEof = true }, cancel).ConfigureAwait(false);
    }

    private async Task<ExecExited> PumpOutputAsync(TtrpcStream<ExecInput, ExecOutput> call, CancellationToken cancel)
    {
        await foreach (var message in call.ReadAllAsync(cancel).ConfigureAwait(false))
        {
            switch (message.KindCase)
            {
                case ExecOutput.KindOneofCase.Stdout:
                    await stdout(message.Stdout.Memory).ConfigureAwait(false);
                    break;
                case ExecOutput.KindOneofCase.Stderr:
                    await stderr(message.Stderr.Memory).ConfigureAwait(false);
                    break;
                case ExecOutput.KindOneofCase.Exited:
                    return message.Exited;
            }
        }
        throw new TtrpcStatusException(TtrpcStatusCode.Internal, "the guest ended Exec without saying how the program ended");
    }
}
