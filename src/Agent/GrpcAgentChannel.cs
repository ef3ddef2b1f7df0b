using Google.Protobuf;
using Grpc.Core;
using Grpc.Net.Client;
using VmCacheCluster.Agent.Yamux;

namespace VmCacheCluster.Agent;

/// <summary>An agent of Kata 1.x: gRPC, through yamux where nobody else multiplexes, such as kata-proxy.</summary>
public sealed class GrpcAgentChannel : IAgentChannel
{
    /// <summary>An agent that runs ends its side of a stream in some milliseconds.</summary>
    private static readonly TimeSpan Farewell = TimeSpan.FromSeconds(1);

    private readonly YamuxSession? _session;
    private readonly Stream? _connection;
    private readonly GrpcChannel _channel;
    private readonly TaskCompletionSource _closed = new();

    /// <summary>The last call was answered: the agent takes a farewell.</summary>
    private volatile bool _answers;

    private GrpcAgentChannel(YamuxSession? session, Stream? connection)
    {
        (_session, _connection) = (session, connection);
        var first = connection;
        _channel = GrpcChannel.ForAddress("http://agent", new GrpcChannelOptions
        {
            DisposeHttpClient = true,
            HttpHandler = new SocketsHttpHandler
            {
                UseProxy = false,
                ConnectCallback = async (_, cancel) => session is not null
                    ? await session.OpenAsync(cancel).ConfigureAwait(false)
                    // The connection is one: when it is gone, so is the channel.
                    : Interlocked.Exchange(ref first, null) ?? throw new IOException("the connection is gone"),
            },
        });
    }

    /// <inheritdoc/>
    public Task Closed => _session?.Closed ?? _closed.Task;

    /// <summary>An agent's own channel, of which this is the only user.</summary>
    /// <param name="address">See <see cref="AgentAddress"/>.</param>
    /// <exception cref="TtrpcConnectionException">Nobody listens there.</exception>
    public static async Task<IAgentChannel> ThroughYamuxAsync(string address, CancellationToken cancel) =>
        new GrpcAgentChannel(new YamuxSession(await AgentAddress.ConnectAsync(address, cancel).ConfigureAwait(false), client: true), null);

    /// <summary>A socket of kata-proxy, or an agent on the vsock bus.</summary>
    /// <param name="address">See <see cref="AgentAddress"/>.</param>
    /// <exception cref="TtrpcConnectionException">Nobody listens there.</exception>
    public static async Task<IAgentChannel> DirectAsync(string address, CancellationToken cancel) =>
        new GrpcAgentChannel(null, await AgentAddress.ConnectAsync(address, cancel).ConfigureAwait(false));

    /// <inheritdoc/>
    public async Task<TRes> CallAsync<TReq, TRes>(
        string service, string method, TReq request, MessageParser<TRes> parser, CancellationToken cancel, TimeSpan? timeout = null)
        where TReq : class, IMessage<TReq>
        where TRes : class, IMessage<TRes>
    {
        var call = new Method<TReq, TRes>(
            MethodType.Unary, service, method, Marshallers.Create<TReq>(message => message.ToByteArray(), _ => throw new NotSupportedException()),
            Marshallers.Create<TRes>(_ => throw new NotSupportedException(), parser.ParseFrom));
        try
        {
            DateTime? deadline = timeout is { } limit ? DateTime.UtcNow + limit : null;
            _answers = false;
            var options = new CallOptions(deadline: deadline, cancellationToken: cancel);
            var answer = await _channel.CreateCallInvoker().AsyncUnaryCall(call, null, options, request).ConfigureAwait(false);
            _answers = true;
            return answer;
        }
        catch (RpcException) when (cancel.IsCancellationRequested)
        {
            throw new OperationCanceledException(cancel);
        }
        catch (RpcException fault) when (fault.StatusCode == StatusCode.DeadlineExceeded)
        {
            throw new TtrpcTimeoutException($"{service}/{method} was not answered within {timeout?.TotalSeconds:0.#} s");
        }
        catch (RpcException fault) when (Broke(fault))
        {
            _closed.TrySetResult();
            throw new TtrpcConnectionException($"{service}/{method}: {Innermost(fault)}", fault);
        }
        catch (RpcException fault)
        {
            _answers = true;
            throw new TtrpcStatusException((TtrpcStatusCode)fault.StatusCode, fault.Status.Detail);
        }
    }

    public async ValueTask DisposeAsync()
    {
        _channel.Dispose();
        _closed.TrySetResult();
        // Before the VM is paused and another client comes.
        if (_session is not null && _answers) await _session.SettleAsync(Farewell).ConfigureAwait(false);
        if (_session is not null) await _session.DisposeAsync().ConfigureAwait(false);
        if (_connection is not null) await _connection.DisposeAsync().ConfigureAwait(false);
    }

    /// <summary>What the library says itself has a cause; what the agent says has none.</summary>
    private static bool Broke(RpcException fault) => fault.Status.DebugException is not null;

    private static string Innermost(RpcException fault)
    {
        var cause = fault.Status.DebugException!;
        while (cause.InnerException is { } inner) cause = inner;
        return cause.Message;
    }
}
