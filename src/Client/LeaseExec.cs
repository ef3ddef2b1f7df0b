using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;
using Grpc.Core;
using VmCacheCluster.Contracts.V1;

namespace VmCacheCluster.Client;

/// <summary>One program by vmcache.v1's Exec: pumps its input one way and its output the other, no faster than either is taken.</summary>
internal static class LeaseExec
{
    private const int StdinChunk = 32 * 1024;

    /// <exception cref="RpcException">The node refused, or the connection broke.</exception>
    internal static async Task<ExecExited> RunAsync(
        VmCache.VmCacheClient vms, string id, string token, GuestProgram program, Stream? stdin,
        Func<ReadOnlyMemory<byte>, ValueTask> stdout, Func<ReadOnlyMemory<byte>, ValueTask> stderr, CancellationToken cancel)
    {
        using var over = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        using var call = vms.Exec(new CallOptions(cancellationToken: over.Token));
        try
        {
            var input = InputAsync(call.RequestStream, Start(id, token, program), stdin, over.Token);
            var output = OutputAsync(call.ResponseStream, stdout, stderr, over.Token);

            // A failure to read our own input ends the program; its end does not. A read of stdin that cannot be cancelled (a
            // terminal's) must not hold up the program's end, so the input is never waited for alone.
            if (await Task.WhenAny(input, output).ConfigureAwait(false) == input)
            {
                await input.ConfigureAwait(false);
            }

            return await output.ConfigureAwait(false);
        }
        finally
        {
            await over.CancelAsync().ConfigureAwait(false);
        }
    }

    private static ExecRequest Start(string id, string token, GuestProgram program)
    {
        var start = new ExecStart
        {
            Id = id,
            Token = token,
            WorkingDirectory = program.WorkingDirectory ?? "",
            Environment = { program.Environment.ToDictionary() },
            Timeout = program.Timeout is { } timeout ? Duration.FromTimeSpan(timeout) : null,
        };
        start.Args.AddRange(program.Args);
        return new ExecRequest { Start = start };
    }

    private static async Task InputAsync(
        IClientStreamWriter<ExecRequest> to, ExecRequest start, Stream? stdin, CancellationToken cancel)
    {
        try
        {
            await to.WriteAsync(start, cancel).ConfigureAwait(false);
            if (stdin is not null)
            {
                var chunk = new byte[StdinChunk];
                int read;
                while ((read = await stdin.ReadAsync(chunk, cancel).ConfigureAwait(false)) > 0)
                {
                    await to.WriteAsync(new ExecRequest { Stdin = ByteString.CopyFrom(chunk, 0, read) }, cancel).ConfigureAwait(false);
                }
            }

            await to.WriteAsync(new ExecRequest { StdinEof = true }, cancel).ConfigureAwait(false);
            await to.CompleteAsync().ConfigureAwait(false);
        }
        catch (Exception fault) when (fault is RpcException or InvalidOperationException or OperationCanceledException)
        {
            // The call is over: its answer says how.
        }
    }

    private static async Task<ExecExited> OutputAsync(
        IAsyncStreamReader<ExecResponse> from, Func<ReadOnlyMemory<byte>, ValueTask> stdout, Func<ReadOnlyMemory<byte>, ValueTask> stderr,
        CancellationToken cancel)
    {
        while (await from.MoveNext(cancel).ConfigureAwait(false))
        {
            switch (from.Current.KindCase)
            {
                case ExecResponse.KindOneofCase.Stdout:
                    await stdout(from.Current.Stdout.Memory).ConfigureAwait(false);
                    break;
                case ExecResponse.KindOneofCase.Stderr:
                    await stderr(from.Current.Stderr.Memory).ConfigureAwait(false);
                    break;
                case ExecResponse.KindOneofCase.Exited:
                    return from.Current.Exited;
            }
        }

        throw new VmCacheException(StatusCode.Internal, Reasons.BadAnswer, "the node ended Exec without saying how the program ended");
    }
}
