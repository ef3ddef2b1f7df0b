using System.Runtime.CompilerServices;
using Google.Protobuf;

namespace VmCacheCluster.Agent;

/// <summary>
/// A call that streams messages both ways. One writer and one reader at a time. A reader that is too slow makes the whole
/// connection wait (see <see cref="TtrpcClientOptions.StreamBuffer"/>).
/// </summary>
public sealed class TtrpcStream<TIn, TOut> : IAsyncDisposable
    where TIn : IMessage<TIn>
    where TOut : IMessage<TOut>
{
    private readonly string _name;
    private readonly TtrpcStreamCall _call;
    private readonly TtrpcFrameWriter _writer;
    private readonly TtrpcPendingCalls _pending;
    private readonly MessageParser<TOut> _parser;
    private readonly Timer? _deadline;
    private bool _completed;
    private int _disposed;

    internal TtrpcStream(
        string name, TtrpcStreamCall call, TtrpcFrameWriter writer, TtrpcPendingCalls pending, MessageParser<TOut> parser, TimeSpan? timeout)
    {
        _name = name;
        _call = call;
        _writer = writer;
        _pending = pending;
        _parser = parser;
        if (timeout is { } limit)
            _deadline = new Timer(_ => call.Fail(new TtrpcTimeoutException($"{name} was not done within {limit.TotalSeconds:0.###} s")), null, limit, Timeout.InfiniteTimeSpan);
    }

    /// <exception cref="InvalidOperationException">After <see cref="CompleteAsync"/>.</exception>
    /// <exception cref="TtrpcConnectionException">The connection has ended.</exception>
    public Task WriteAsync(TIn message, CancellationToken cancel = default)
    {
        if (_completed) throw new InvalidOperationException($"{_name}: this side of the stream is complete");
        return _writer.SendAsync(() => _call.StreamId, TtrpcFrameType.Data, TtrpcFrameFlags.None, message, cancel);
    }

    /// <summary>Tells the server that no more messages come; reading goes on.</summary>
    public Task CompleteAsync(CancellationToken cancel = default)
    {
        if (_completed) return Task.CompletedTask;
        _completed = true;
        return SendCloseAsync(cancel);
    }

    /// <summary>The next message, or null when the server ended the stream well.</summary>
    /// <exception cref="TtrpcStatusException">The server ended the stream with an error.</exception>
    /// <exception cref="TtrpcConnectionException">The connection ended first.</exception>
    /// <exception cref="TtrpcTimeoutException">The stream's deadline passed.</exception>
    public async ValueTask<TOut?> ReadAsync(CancellationToken cancel = default) =>
        await _call.Inbox.TakeAsync(cancel).ConfigureAwait(false) is { } payload
            ? TtrpcMessages.Parse(_parser, payload, _name)
            : default;

    /// <summary>All messages to come, ending as <see cref="ReadAsync"/> does.</summary>
    public async IAsyncEnumerable<TOut> ReadAllAsync([EnumeratorCancellation] CancellationToken cancel = default)
    {
        while (await ReadAsync(cancel).ConfigureAwait(false) is { } message) yield return message;
    }

    /// <summary>
    /// Lets go of the call. When the server has not ended it, it is told by closing this side twice, which our server takes
    /// for a cancellation (ttRPC has none of its own) and others ignore.
    /// </summary>
    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _disposed, 1) != 0) return;
        if (_deadline is not null) await _deadline.DisposeAsync().ConfigureAwait(false);
        _pending.Remove(_call);
        var abandoned = _call.StreamId != 0 && !_call.Ended;
        _call.Inbox.End(new ObjectDisposedException(_name));
        if (!abandoned) return;
        // Not awaited: the peer may be a paused guest that takes nothing, and whoever gives up must not wait for it.
        _ = TellAbandonedAsync(_completed);
    }

    private async Task TellAbandonedAsync(bool closedBefore)
    {
        try
        {
            if (!closedBefore) await SendCloseAsync(CancellationToken.None).ConfigureAwait(false);
            await SendCloseAsync(CancellationToken.None).ConfigureAwait(false);
        }
        catch (TtrpcConnectionException)
        {
            // The connection is gone, and with it the call.
        }
    }

    private Task SendCloseAsync(CancellationToken cancel) => _writer.SendAsync(
        () => _call.StreamId, TtrpcFrameType.Data, TtrpcFrameFlags.RemoteClosed | TtrpcFrameFlags.NoData, null, cancel);
}
