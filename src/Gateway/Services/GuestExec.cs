using Akka.Hosting;
using Google.Protobuf;
using Grpc.Core;
using VmCacheCluster.Actors.Gateway;
using VmCacheCluster.Contracts.V1;
using VmCacheCluster.Domain;
using VmCacheCluster.Domain.Ports;
using VmCacheCluster.Gateway.Audit;
using VmCacheCluster.Gateway.Cluster;

namespace VmCacheCluster.Gateway.Services;

/// <summary>Exec: a program in a guest that is lent to us. Either side is read only as fast as the other one takes it.</summary>
public sealed class GuestExec(IRequiredActor<GatewayActor> gateway, LeaseRoutes routes, IHostApplicationLifetime lifetime)
{
    private static readonly TimeSpan LendTimeout = TimeSpan.FromSeconds(15);

    public async Task RunAsync(IAsyncStreamReader<ExecRequest> from, IServerStreamWriter<ExecResponse> to, ServerCallContext context)
    {
        var aborted = context.GetHttpContext().RequestAborted;
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(aborted, lifetime.ApplicationStopping);
        await using var input = new CallInput<ExecRequest>(from, context);
        using var output = new CallOutput<ExecResponse>(to);
        try
        {
            var start = await StartAsync(input, ending.Token);
            AuditEntry.Begins(context, $"a program in VM {start.Id}");
            if (await routes.ToAsync(start.Id, context) is { } host)
            {
                await StreamRelay.RunAsync(input, output, host, (peer, options) => peer.Exec(options), context, ending.Token);
                return;
            }

            var (id, token) = (CallIds.Vm(start.Id), CallIds.Token(start.Token));
            var faults = new RequestFaults();
            var command = ExecRequestReader.Read(start, faults);
            if (faults.Any) throw GrpcErrors.Invalid(faults);

            var guest = await BorrowAsync(id, token, context);
            await using var program = await guest.ExecAsync(command, ending.Token);
            await PumpAsync(program, input, output, ending.Token);
        }
        catch (Exception) when (aborted.IsCancellationRequested)
        {
            throw GrpcErrors.Cancelled();
        }
        catch (Exception e) when (e is not RpcException && lifetime.ApplicationStopping.IsCancellationRequested)
        {
            throw GrpcErrors.Stopping();
        }
        catch (VmFailedException fault)
        {
            throw GrpcErrors.FromGuest(fault);
        }
    }

    private static async Task<ExecStart> StartAsync(CallInput<ExecRequest> from, CancellationToken cancel)
        => await from.MoveNextAsync(cancel) && from.Current.KindCase == ExecRequest.KindOneofCase.Start
            ? from.Current.Start
            : throw GrpcErrors.BadExec("the first message of Exec is 'start': it names the VM, the token and the program");

    private async Task<IGuest> BorrowAsync(VmId id, LeaseToken token, ServerCallContext context)
        => await Edge.AskAsync(gateway.ActorRef, new UseGuest(id, token), LendTimeout, $"the guest of VM {id}", context) switch
        {
            GuestLent lent => lent.Guest,
            var refused => throw GrpcErrors.From((VmRefused)refused),
        };

    /// <summary>Until the program has ended, or the caller did something that ends it.</summary>
    private static async Task PumpAsync(
        IGuestProgram program, CallInput<ExecRequest> from, CallOutput<ExecResponse> to, CancellationToken cancel)
    {
        using var over = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        var input = InputAsync(program, from, over.Token);
        var output = OutputAsync(program, to, over.Token);
        try
        {
            if (await Task.WhenAny(input, output) == input) await input;
            await output;
        }
        finally
        {
            await over.CancelAsync();
            // The caller may have sent its input's last bytes after the program's end: nobody misses them.
            await Task.WhenAll(input, output).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    /// <summary>Ends without a fault when the guest takes no more input: how the program ends is told by its output.</summary>
    private static async Task InputAsync(IGuestProgram program, CallInput<ExecRequest> from, CancellationToken cancel)
    {
        try
        {
            while (await from.MoveNextAsync(cancel))
            {
                switch (from.Current.KindCase)
                {
                    case ExecRequest.KindOneofCase.Stdin:
                        await program.WriteStdinAsync(from.Current.Stdin.Memory, cancel);
                        break;
                    case ExecRequest.KindOneofCase.StdinEof:
                        await program.CloseStdinAsync(cancel);
                        return;
                    default:
                        throw GrpcErrors.BadExec("only the first message of Exec is 'start'; then come 'stdin' and 'stdin_eof'");
                }
            }

            await program.CloseStdinAsync(cancel);
        }
        catch (VmFailedException)
        {
        }
    }

    private static async Task OutputAsync(IGuestProgram program, CallOutput<ExecResponse> to, CancellationToken cancel)
    {
        await foreach (var output in program.ReadOutputAsync(cancel))
        {
            await to.WriteAsync(ToResponse(output), cancel);
            if (output is GuestOutput.Exited) return;
        }

        throw new VmFailedException(new VmFailure(VmFailureKind.Agent, "the guest did not say how the program ended"));
    }

    private static ExecResponse ToResponse(GuestOutput output) => output switch
    {
        GuestOutput.Stdout o => new ExecResponse { Stdout = UnsafeByteOperations.UnsafeWrap(o.Data) },
        GuestOutput.Stderr e => new ExecResponse { Stderr = UnsafeByteOperations.UnsafeWrap(e.Data) },
        GuestOutput.Exited x => new ExecResponse { Exited = new ExecExited { Status = x.Status, Signal = x.Signal, TimedOut = x.TimedOut } },
        _ => throw new InvalidOperationException($"a guest's output of an unknown kind: {output.GetType().Name}"),
    };
}
