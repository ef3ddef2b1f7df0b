using System.Globalization;
using Google.Protobuf;
using VmCacheCluster.Agent;
using VmCacheCluster.Agent.Guest;

namespace VmCacheCluster.Tests.FakeQemu;

/// <summary>The programs that the fake guest can run: echo, cat, true, false, sleep.</summary>
internal static class GuestPrograms
{
    public static async Task RunAsync(IAsyncEnumerable<ExecInput> input, Func<ExecOutput, ValueTask> write, CancellationToken cancel)
    {
        await using var messages = input.GetAsyncEnumerator(cancel);
        if (!await messages.MoveNextAsync() || messages.Current.Start is not { Args.Count: > 0 } start)
            throw new TtrpcStatusException(TtrpcStatusCode.InvalidArgument, "the first message must be a start with a program");

        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        if (start.TimeoutMilliseconds > 0) limit.CancelAfter(TimeSpan.FromMilliseconds(start.TimeoutMilliseconds));
        ExecExited exited;
        try
        {
            exited = new ExecExited { Status = await RunAsync(start, messages, write, limit.Token) };
        }
        catch (OperationCanceledException) when (!cancel.IsCancellationRequested)
        {
            exited = new ExecExited { Status = 137, Signal = 9, TimedOut = true };
        }
        await write(new ExecOutput { Exited = exited });
    }

    private static async Task<int> RunAsync(
        ExecStart start, IAsyncEnumerator<ExecInput> input, Func<ExecOutput, ValueTask> write, CancellationToken cancel)
    {
        switch (Path.GetFileName(start.Args[0]))
        {
            case "true":
                return 0;
            case "false":
                return 1;
            case "echo":
                await write(new ExecOutput { Stdout = ByteString.CopyFromUtf8(string.Join(' ', start.Args.Skip(1)) + "\n") });
                return 0;
            case "cat":
                while (await input.MoveNextAsync().AsTask().WaitAsync(cancel) && input.Current.KindCase == ExecInput.KindOneofCase.Stdin)
                    await write(new ExecOutput { Stdout = input.Current.Stdin });
                return 0;
            case "sleep" when start.Args.Count == 2 && double.TryParse(start.Args[1], CultureInfo.InvariantCulture, out var seconds):
                await Task.Delay(TimeSpan.FromSeconds(seconds), cancel);
                return 0;
            default:
                await write(new ExecOutput { Stderr = ByteString.CopyFromUtf8($"{start.Args[0]}: not found\n") });
                return 127;
        }
    }
}
