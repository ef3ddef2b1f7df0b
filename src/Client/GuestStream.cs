using Google.Protobuf;
using Grpc.Core;
using VmCacheCluster.Agent;
using VmCacheCluster.Contracts.V1;

namespace VmCacheCluster.Client;

/// <summary>
/// A connection to a socket of a VM, by vmcache.v1's Connect. Reads 0 when the VM's side has closed it; disposing it closes it. One may read
/// while another writes. A read that is cancelled loses nothing.
/// </summary>
internal sealed class GuestStream : ConnectionStream
{
    /// <summary>As much as a message may hold.</summary>
    private const int Most = 1 << 20;

    private readonly AsyncDuplexStreamingCall<ConnectRequest, ConnectResponse> call;
    private readonly Func<RpcException, VmCacheException> faultOf;
    private ReadOnlyMemory<byte> left;
    private Task<bool>? coming;
    private volatile bool disposed;

    private GuestStream(AsyncDuplexStreamingCall<ConnectRequest, ConnectResponse> call, Func<RpcException, VmCacheException> faultOf) =>
        (this.call, this.faultOf) = (call, faultOf);

    /// <summary>Returns when the VM's side has taken the connection.</summary>
    internal static async Task<Stream> OpenAsync(
        VmCache.VmCacheClient vms, ConnectStart start, Func<RpcException, VmCacheException> faultOf, CancellationToken cancel)
    {
        var call = vms.Connect();
        try
        {
            await using (cancel.Register(call.Dispose))
            {
                await StartAsync(call, start).ConfigureAwait(false);
            }

            cancel.ThrowIfCancellationRequested();
            return new GuestStream(call, faultOf);
        }
        catch (Exception fault)
        {
            call.Dispose();
            cancel.ThrowIfCancellationRequested();
            if (fault is RpcException refused)
            {
                throw faultOf(refused);
            }

            throw;
        }
    }

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        while (left.IsEmpty && !buffer.IsEmpty)
        {
            ObjectDisposedException.ThrowIf(disposed, this);
            if (!await NextAsync(cancellationToken).ConfigureAwait(false))
            {
                return 0;
            }

            left = call.ResponseStream.Current.Data.Memory;
        }

        var read = Math.Min(left.Length, buffer.Length);
        left[..read].CopyTo(buffer);
        left = left[read..];
        return read;
    }

    /// <exception cref="VmCacheException">Nobody takes it any more.</exception>
    public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        ObjectDisposedException.ThrowIf(disposed, this);
        try
        {
            for (; !buffer.IsEmpty; buffer = buffer[Math.Min(Most, buffer.Length)..])
            {
                var part = ByteString.CopyFrom(buffer[..Math.Min(Most, buffer.Length)].Span);
                await call.RequestStream.WriteAsync(new ConnectRequest { Data = part }, cancellationToken).ConfigureAwait(false);
            }
        }
        catch (RpcException) when (cancellationToken.IsCancellationRequested)
        {
            throw new OperationCanceledException(cancellationToken);
        }
        catch (RpcException fault) when (fault.StatusCode != StatusCode.OK)
        {
            throw Told(fault);
        }
        catch (Exception fault) when (fault is RpcException or InvalidOperationException)
        {
            throw new VmCacheException(StatusCode.Unavailable, Reasons.ConnectionLost, "the VM's side has closed the connection", fault);
        }
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            disposed = true;
            call.Dispose();
        }

        base.Dispose(disposing);
    }

    private static async Task StartAsync(AsyncDuplexStreamingCall<ConnectRequest, ConnectResponse> call, ConnectStart start)
    {
        try
        {
            await call.RequestStream.WriteAsync(new ConnectRequest { Start = start }).ConfigureAwait(false);
        }
        catch (Exception fault) when (fault is RpcException or InvalidOperationException)
        {
            // The call is over: its answer says how.
        }

        if (!await call.ResponseStream.MoveNext(CancellationToken.None).ConfigureAwait(false)
            || call.ResponseStream.Current.KindCase != ConnectResponse.KindOneofCase.Connected)
        {
            throw new VmCacheException(StatusCode.Internal, Reasons.BadAnswer, "the node did not begin Connect by saying that it is connected");
        }
    }

    /// <summary>Cancelled alone, the wait ends and the read goes on: one that gRPC cancels would end the call.</summary>
    private async Task<bool> NextAsync(CancellationToken cancel)
    {
        try
        {
            coming ??= call.ResponseStream.MoveNext(CancellationToken.None);
            var more = await coming.WaitAsync(cancel).ConfigureAwait(false);
            coming = more ? null : coming;
            return more;
        }
        catch (RpcException fault)
        {
            throw Told(fault);
        }
    }

    private Exception Told(RpcException fault) => disposed ? new ObjectDisposedException(nameof(GuestStream), fault) : faultOf(fault);
}
