using Google.Protobuf;

namespace VmCacheCluster.Agent;

/// <summary>
/// A ttRPC server: methods are added first, then any number of connections served. A handler's
/// <see cref="TtrpcStatusException"/> is the status of its answer; any other exception becomes INTERNAL with its message.
/// </summary>
public sealed class TtrpcServer(TtrpcServerOptions? options = null)
{
    private readonly Dictionary<(string, string), TtrpcHandler> _handlers = [];
    private readonly TtrpcServerOptions _options = options ?? new TtrpcServerOptions();

    /// <summary>Adds a method with one request and one answer. The handler's token ends with deadline and connection.</summary>
    public TtrpcServer AddUnary<TReq, TRes>(
        string service, string method, MessageParser<TReq> parser, Func<TReq, CancellationToken, ValueTask<TRes>> handler)
        where TReq : IMessage<TReq>
        where TRes : IMessage<TRes>
    {
        _handlers.Add((service, method), new TtrpcUnaryHandler<TReq, TRes>(parser, handler));
        return this;
    }

    /// <summary>
    /// Adds a method with one request and one answer that neither waits nor blocks for long: it runs on the thread that
    /// reads the connection, which reads on when the answer is written. It knows no deadline and cannot be cancelled.
    /// </summary>
    public TtrpcServer AddImmediate<TReq, TRes>(string service, string method, MessageParser<TReq> parser, Func<TReq, TRes> handler)
        where TReq : IMessage<TReq>
        where TRes : IMessage<TRes>
    {
        _handlers.Add((service, method), new TtrpcImmediateHandler<TReq, TRes>(parser, handler));
        return this;
    }

    /// <summary>
    /// Adds a method that streams messages both ways. The input ends when the client is complete; the token is cancelled
    /// when the client abandons the call, at its deadline, and with the connection. The stream ends when the handler does.
    /// </summary>
    public TtrpcServer AddBidi<TIn, TOut>(
        string service,
        string method,
        MessageParser<TIn> parser,
        Func<IAsyncEnumerable<TIn>, Func<TOut, ValueTask>, CancellationToken, Task> handler)
        where TIn : IMessage<TIn>
        where TOut : IMessage<TOut>
    {
        _handlers.Add((service, method), new TtrpcBidiHandler<TIn, TOut>(parser, handler));
        return this;
    }

    /// <summary>
    /// Serves one connection until it ends, and tells how. The stream stays open and is the caller's; its ReadAsync must
    /// honour cancellation without losing bytes. All handlers have been cancelled when this returns, and nothing more is
    /// written, though a handler that ignores its token may still run. After <see cref="TtrpcEndKind.Malformed"/> the same
    /// stream can be served again once <see cref="TtrpcResync.DrainAsync"/> has found it idle.
    /// </summary>
    /// <exception cref="OperationCanceledException"><paramref name="cancel"/> was cancelled.</exception>
    public Task<TtrpcEnd> ServeAsync(Stream stream, CancellationToken cancel) =>
        new TtrpcServerConnection(stream, _options, _handlers).RunAsync(cancel);
}
