using System.Net.Sockets;
using Akka.Hosting;
using Google.Protobuf;
using Grpc.Core;
using VmCacheCluster.Actors.Gateway;
using VmCacheCluster.Contracts.V1;
using VmCacheCluster.Gateway.Audit;
using VmCacheCluster.Gateway.Callers;
using VmCacheCluster.Gateway.Cluster;

namespace VmCacheCluster.Gateway.Services;

/// <summary>Connect: a socket of a VM that is lent to us. Either side is read only as fast as the other one takes it.</summary>
public sealed class GuestConnect(IRequiredActor<GatewayActor> gateway, LeaseRoutes routes, IHostApplicationLifetime lifetime, TimeProvider time)
{
    private static readonly TimeSpan LendTimeout = TimeSpan.FromSeconds(15);

    /// <summary>A VM that dies closes its sockets before it is known that it died: so long that may take.</summary>
    private static readonly TimeSpan DeathGrace = TimeSpan.FromSeconds(2);

    private const int Chunk = 64 * 1024;

    public async Task RunAsync(IAsyncStreamReader<ConnectRequest> from, IServerStreamWriter<ConnectResponse> to, ServerCallContext context)
    {
        var aborted = context.GetHttpContext().RequestAborted;
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(aborted, lifetime.ApplicationStopping);
        await using var input = new CallInput<ConnectRequest>(from, context);
        using var output = new CallOutput<ConnectResponse>(to);
        try
        {
            var start = await StartAsync(input, ending.Token);
            AuditEntry.Begins(context, $"socket {start.To} of VM {start.Id}");
            // The monitor is QEMU's own: it opens files of the host and reads all of the VM's memory.
            if (start.To == VmSocket.Qmp) Caller.Of(context).Demand(Domain.Right.Operate, "Connect to a VM's monitor (QMP)");
            if (await routes.ToAsync(start.Id, context) is { } host)
            {
                await StreamRelay.RunAsync(input, output, host, (peer, options) => peer.Connect(options), context, ending.Token);
                return;
            }

            await WhileHeldAsync(await BorrowAsync(start, context), (lent, cancel) => ServeAsync(lent, input, output, cancel), ending.Token);
        }
        catch (Exception) when (aborted.IsCancellationRequested)
        {
            throw GrpcErrors.Cancelled();
        }
        catch (Exception e) when (e is not RpcException && lifetime.ApplicationStopping.IsCancellationRequested)
        {
            throw GrpcErrors.Stopping();
        }
    }

    private static async Task<ConnectStart> StartAsync(CallInput<ConnectRequest> from, CancellationToken cancel)
        => await from.MoveNextAsync(cancel) && from.Current.KindCase == ConnectRequest.KindOneofCase.Start
            ? from.Current.Start
            : throw GrpcErrors.BadConnect("the first message of Connect is 'start': it names the VM, the token and the socket");

    private async Task<SocketLent> BorrowAsync(ConnectStart start, ServerCallContext context)
    {
        var use = new UseSocket(CallIds.Vm(start.Id), CallIds.Token(start.Token), SocketOf(start.To));
        return await Edge.AskAsync(gateway.ActorRef, use, LendTimeout, $"the sockets of VM {use.Id}", context) switch
        {
            SocketLent lent => lent,
            var refused => throw GrpcErrors.From((VmRefused)refused),
        };
    }

    private static Domain.VmSocket SocketOf(VmSocket named) => named switch
    {
        VmSocket.Agent => Domain.VmSocket.Agent,
        VmSocket.Console => Domain.VmSocket.Console,
        VmSocket.Qmp => Domain.VmSocket.Qmp,
        _ => throw GrpcErrors.BadConnect("'start' names no socket that is known here: 'to' is AGENT, CONSOLE or QMP"),
    };

    /// <summary>Until it has ended, or the caller is the VM's holder no longer: then it is told so.</summary>
    private static async Task WhileHeldAsync(SocketLent lent, Func<SocketLent, CancellationToken, Task> serve, CancellationToken cancel)
    {
        using var over = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        var serving = serve(lent, over.Token);
        await Task.WhenAny(serving, lent.Over);
        if (lent.Over.IsCompleted && !cancel.IsCancellationRequested)
        {
            await over.CancelAsync();
            await serving.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            throw GrpcErrors.From(await lent.Over);
        }

        await serving;
    }

    private async Task ServeAsync(SocketLent lent, CallInput<ConnectRequest> from, CallOutput<ConnectResponse> to, CancellationToken cancel)
    {
        await using var socket = await GuestSocket.OpenAsync(lent.Id, lent.Address, time, cancel);
        await to.WriteAsync(new ConnectResponse { Connected = new Connected { Socket = lent.Address } }, cancel);
        if (await PumpAsync(socket, from, to, cancel)) return;
        await ((Task)lent.Over).WaitAsync(DeathGrace, time, cancel).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    /// <summary>Until the VM's side has closed, or the caller did something that ends it.</summary>
    /// <returns>The caller had ended its input before: QEMU closes then.</returns>
    private static async Task<bool> PumpAsync(
        Stream socket, CallInput<ConnectRequest> from, CallOutput<ConnectResponse> to, CancellationToken cancel)
    {
        using var over = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        var input = InputAsync(socket, from, over.Token);
        var output = OutputAsync(socket, to, over.Token);
        try
        {
            if (await Task.WhenAny(input, output) == input) await input;
            await output;
            return input.IsCompletedSuccessfully && await input;
        }
        finally
        {
            await over.CancelAsync();
            // What was still to be said to a socket that is closed, nobody misses.
            await Task.WhenAll(input, output).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    /// <returns>False: the VM's side takes no more, of which the other direction tells.</returns>
    private static async Task<bool> InputAsync(Stream socket, CallInput<ConnectRequest> from, CancellationToken cancel)
    {
        try
        {
            while (await from.MoveNextAsync(cancel) && from.Current.KindCase != ConnectRequest.KindOneofCase.Eof)
            {
                if (from.Current.KindCase != ConnectRequest.KindOneofCase.Data)
                    throw GrpcErrors.BadConnect("only the first message of Connect is 'start'; then come 'data' and 'eof'");
                await socket.WriteAsync(from.Current.Data.Memory, cancel);
            }

            (socket as NetworkStream)?.Socket.Shutdown(SocketShutdown.Send);
            return true;
        }
        catch (Exception e) when (Closed(e))
        {
            return false;
        }
    }

    private static async Task OutputAsync(Stream socket, CallOutput<ConnectResponse> to, CancellationToken cancel)
    {
        var chunk = new byte[Chunk];
        while (await ReadAsync(socket, chunk, cancel) is > 0 and var read)
            await to.WriteAsync(new ConnectResponse { Data = UnsafeByteOperations.UnsafeWrap(chunk.AsMemory(0, read)) }, cancel);
    }

    /// <returns>0: the VM's side has closed.</returns>
    private static async ValueTask<int> ReadAsync(Stream socket, byte[] chunk, CancellationToken cancel)
    {
        try
        {
            return await socket.ReadAsync(chunk, cancel);
        }
        catch (Exception e) when (Closed(e))
        {
            return 0;
        }
    }

    private static bool Closed(Exception fault) => fault is SocketException or IOException { InnerException: SocketException };
}
