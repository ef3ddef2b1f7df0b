using Google.Protobuf;
using VmCacheCluster.Agent;
using VmCacheCluster.Agent.Guest;
using VmCacheCluster.Guest.Port;
using VmCacheCluster.Guest.Preparing;
using VmCacheCluster.Guest.Processes;

namespace VmCacheCluster.Guest.Services;

/// <summary>vmcache.guest.v1.Guest/Exec: runs one program for as long as its call lives.</summary>
internal sealed class ExecService(Reactor reactor, Reaper reaper, PreparedEnvironment environment, IdentityFiles identity)
{
    public async Task RunAsync(IAsyncEnumerable<ExecInput> input, Func<ExecOutput, ValueTask> write, CancellationToken cancellation)
    {
        using var over = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        await using var messages = input.GetAsyncEnumerator(over.Token);
        if (!await messages.MoveNextAsync().ConfigureAwait(false) || messages.Current.KindCase != ExecInput.KindOneofCase.Start)
            throw new TtrpcStatusException(TtrpcStatusCode.InvalidArgument, "the first message of Exec must hold 'start'");
        var start = messages.Current.Start;
        identity.LetGo();
        using var program = new RunningProgram(ProgramStart.From(start, environment.Variables), reactor, reaper);
        using var timeLimit = new CancellationTokenSource();
        await using var killedWithCall = cancellation.Register(program.Kill).ConfigureAwait(false);
        await using var killedByLimit = timeLimit.Token.Register(program.Kill).ConfigureAwait(false);
        if (start.TimeoutMilliseconds > 0) timeLimit.CancelAfter(TimeSpan.FromMilliseconds(Math.Min(start.TimeoutMilliseconds, int.MaxValue)));

        using var oneAtATime = new SemaphoreSlim(1, 1);
        var queue = new StdinQueue(program);
        var taken = TakeInputAsync(queue, messages, over.Token);
        var stdin = queue.RunAsync(over.Token);
        var stdout = program.PumpStdoutAsync(bytes => SendAsync(new ExecOutput { Stdout = ByteString.CopyFrom(bytes.Span) }), over.Token);
        var stderr = program.PumpStderrAsync(bytes => SendAsync(new ExecOutput { Stderr = ByteString.CopyFrom(bytes.Span) }), over.Token);
        var ended = await EndAsync(program, taken, stdin, stdout, stderr).ConfigureAwait(false);
        await over.CancelAsync().ConfigureAwait(false);
        await Task.WhenAll(taken, stdin, stdout, stderr).ConfigureAwait(false);

        cancellation.ThrowIfCancellationRequested();
        var exited = new ExecExited { Status = ended.Status, Signal = ended.Signal, TimedOut = timeLimit.IsCancellationRequested && ended.Signal != 0 };
        await write(new ExecOutput { Exited = exited }).ConfigureAwait(false);

        async ValueTask SendAsync(ExecOutput output)
        {
            await oneAtATime.WaitAsync(cancellation).ConfigureAwait(false);
            try
            {
                await write(output).ConfigureAwait(false);
            }
            finally
            {
                oneAtATime.Release();
            }
        }
    }

    /// <summary>The program's end. When its input or output cannot be carried any more, nobody is left for whom it runs.</summary>
    private static async Task<ExitStatus> EndAsync(RunningProgram program, params Task[] carriers)
    {
        foreach (var carrier in carriers)
            _ = carrier.ContinueWith(_ => program.Kill(), CancellationToken.None, TaskContinuationOptions.OnlyOnFaulted, TaskScheduler.Default);
        return await program.Ended.ConfigureAwait(false);
    }

    private static async Task TakeInputAsync(StdinQueue queue, IAsyncEnumerator<ExecInput> messages, CancellationToken over)
    {
        try
        {
            while (await messages.MoveNextAsync().ConfigureAwait(false))
            {
                switch (messages.Current.KindCase)
                {
                    case ExecInput.KindOneofCase.Stdin:
                        await queue.PutAsync(messages.Current.Stdin.Memory, over).ConfigureAwait(false);
                        break;
                    case ExecInput.KindOneofCase.StdinEof:
                        queue.End();
                        break;
                    case ExecInput.KindOneofCase.Start:
                        throw new TtrpcStatusException(TtrpcStatusCode.InvalidArgument, "'start' came twice");
                }
            }

            queue.End();
        }
        catch (OperationCanceledException)
        {
            // The program has ended, or its call: nothing is left to be fed.
        }
    }
}
