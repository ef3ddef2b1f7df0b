using Grpc.Core;

namespace VmCacheCluster.Gateway.Services;

/// <summary>
/// What a caller streams, read so that nothing is still being read when its call has ended: the server uses a stream of HTTP/2 again for the
/// connection's next call, and a read that is left over would meet that.
/// </summary>
internal sealed class CallInput<T>(IAsyncStreamReader<T> from, ServerCallContext context) : IAsyncDisposable
{
    /// <summary>A read that was told to end does so at once.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    private Task<bool> _reading = Task.FromResult(false);

    public T Current => from.Current;

    /// <summary>Cancelled alone, the wait ends and the read goes on: a read that is cancelled by its token would end the whole call.</summary>
    public Task<bool> MoveNextAsync(CancellationToken cancel)
    {
        cancel.ThrowIfCancellationRequested();
        _reading = from.MoveNext(CancellationToken.None);
        return _reading.WaitAsync(cancel);
    }

    public async ValueTask DisposeAsync()
    {
        if (_reading.IsCompleted) return;
        context.GetHttpContext().Request.BodyReader.CancelPendingRead();
        // How it ends is nobody's concern any more.
        await ((Task)_reading).WaitAsync(Patience).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }
}
