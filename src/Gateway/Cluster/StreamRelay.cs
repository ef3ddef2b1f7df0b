using Grpc.Core;
using VmCacheCluster.Contracts.V1;
using VmCacheCluster.Gateway.Services;

namespace VmCacheCluster.Gateway.Cluster;

/// <summary>Both streams of a call, passed on to another node. Either side is read only as fast as the other one takes it.</summary>
internal static class StreamRelay
{
    /// <param name="from">Its first message has been read, and is passed on too.</param>
    public static async Task RunAsync<TRequest, TResponse>(
        CallInput<TRequest> from, CallOutput<TResponse> to, PeerHost host, Func<VmCache.VmCacheClient, CallOptions, AsyncDuplexStreamingCall<TRequest, TResponse>> open,
        ServerCallContext context, CancellationToken cancel)
        where TRequest : class
        where TResponse : class
    {
        using var over = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        using var call = open(host.Client, PeerHost.OptionsOf(context));
        var input = InputAsync(from, call.RequestStream, over.Token);
        try
        {
            while (await call.ResponseStream.MoveNext(cancel)) await to.WriteAsync(call.ResponseStream.Current, cancel);
        }
        catch (RpcException e)
        {
            // It was us who ended the call: that says nothing of that node.
            cancel.ThrowIfCancellationRequested();
            throw host.Told(e, context);
        }
        finally
        {
            await over.CancelAsync();
            // What it met is told by the other direction.
            await input.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private static async Task InputAsync<TRequest>(CallInput<TRequest> from, IClientStreamWriter<TRequest> to, CancellationToken cancel)
    {
        do await to.WriteAsync(from.Current, cancel);
        while (await from.MoveNextAsync(cancel));
        await to.CompleteAsync();
    }
}
