using Google.Protobuf;
using VmCacheCluster.Agent.Wire;

namespace VmCacheCluster.Agent;

/// <summary>
/// A ttRPC client on one connection, for any number of concurrent calls. It owns its stream. Whatever ends the connection
/// (either side, an error, garbage from the peer) fails every pending call with <see cref="TtrpcConnectionException"/>.
/// </summary>
public sealed class TtrpcClient : IAgentChannel
{
    private readonly Stream _stream;
    private readonly TtrpcClientOptions _options;
    private readonly TtrpcFrameReader _reader;
    private readonly TtrpcFrameWriter _writer;
    private readonly TtrpcPendingCalls _pending;
    private readonly CancellationTokenSource _life = new();

    public TtrpcClient(Stream stream, TtrpcClientOptions? options = null)
    {
        _stream = stream;
        _options = options ?? new TtrpcClientOptions();
        if (_options.FirstStreamId % 2 == 0) throw new ArgumentException("FirstStreamId must be odd", nameof(options));
        _reader = new TtrpcFrameReader(stream, _options.MaxPayload, _options.FrameTimeout);
        _writer = new TtrpcFrameWriter(stream, _options.MaxPayload, End);
        _pending = new TtrpcPendingCalls(_options.FirstStreamId);
        Closed = Task.Run(ReceiveAsync);
    }

    /// <summary>Completes, never with an error, when the connection has ended.</summary>
    public Task Closed { get; }

    /// <summary>Why the connection ended; null while it lives.</summary>
    public string? CloseReason => _pending.CloseReason;

    /// <summary>How many answers came for streams that nobody waits for (any more).</summary>
    public long IgnoredFrames => _pending.Ignored;

    /// <param name="address">See <see cref="AgentAddress"/>.</param>
    /// <exception cref="TtrpcConnectionException">Nobody listens at <paramref name="address"/>.</exception>
    public static async Task<TtrpcClient> ConnectAsync(string address, TtrpcClientOptions? options, CancellationToken cancel) =>
        new(await AgentAddress.ConnectAsync(address, cancel).ConfigureAwait(false), options);

    /// <summary>One request, one answer.</summary>
    /// <param name="timeout">The deadline, which the server is told, too; null for the options' default.</param>
    /// <exception cref="TtrpcStatusException">The server answered with an error, or the request is too long.</exception>
    /// <exception cref="TtrpcConnectionException">The connection ended before the answer.</exception>
    /// <exception cref="TtrpcTimeoutException">The deadline passed before the answer.</exception>
    public async Task<TRes> CallAsync<TReq, TRes>(
        string service, string method, TReq request, MessageParser<TRes> parser, CancellationToken cancel, TimeSpan? timeout = null)
        where TReq : class, IMessage<TReq>
        where TRes : class, IMessage<TRes>
    {
        timeout ??= _options.DefaultTimeout;
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        if (timeout is { } limit) deadline.CancelAfter(limit);
        var call = new TtrpcUnaryCall();
        try
        {
            var envelope = Envelope(service, method, request, timeout);
            await _writer.SendAsync(() => _pending.Add(call), TtrpcFrameType.Request, TtrpcFrameFlags.RemoteClosed, envelope, deadline.Token)
                .ConfigureAwait(false);
            var payload = await call.Answer.WaitAsync(deadline.Token).ConfigureAwait(false);
            return TtrpcMessages.Parse(parser, payload, $"{service}/{method}");
        }
        catch (OperationCanceledException) when (deadline.IsCancellationRequested)
        {
            cancel.ThrowIfCancellationRequested();
            throw new TtrpcTimeoutException($"{service}/{method} got no answer within {timeout?.TotalSeconds:0.###} s{(_reader.Unfinished is { Length: > 0 } some ? $"; its answer has begun and is not complete: {some}" : "")}");
        }
        catch (TtrpcStatusException e) when (e.Code == TtrpcStatusCode.DeadlineExceeded && timeout is not null)
        {
            throw new TtrpcTimeoutException($"{service}/{method} was not done within {timeout?.TotalSeconds:0.###} s: {e.Message}");
        }
        finally
        {
            _pending.Remove(call);
        }
    }

    /// <summary>Opens a stream of messages both ways; disposing it cancels the call.</summary>
    /// <param name="cancel">Ends the opening alone, not the stream once it is open.</param>
    /// <param name="timeout">The deadline of the whole stream, which the server is told, too; null for none.</param>
    /// <exception cref="TtrpcConnectionException">The connection has ended.</exception>
    public async Task<TtrpcStream<TIn, TOut>> OpenStreamAsync<TIn, TOut>(
        string service, string method, MessageParser<TOut> parser, CancellationToken cancel, TimeSpan? timeout = null)
        where TIn : IMessage<TIn>
        where TOut : IMessage<TOut>
    {
        var name = $"{service}/{method}";
        var call = new TtrpcStreamCall(_options.StreamBuffer, name);
        var stream = new TtrpcStream<TIn, TOut>(name, call, _writer, _pending, parser, timeout);
        try
        {
            var envelope = Envelope<TIn>(service, method, default, timeout);
            await _writer.SendAsync(() => _pending.Add(call), TtrpcFrameType.Request, TtrpcFrameFlags.RemoteOpen, envelope, cancel)
                .ConfigureAwait(false);
            return stream;
        }
        catch
        {
            await stream.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    public async ValueTask DisposeAsync()
    {
        End("the connection was closed by this side", null);
        await Closed.ConfigureAwait(false);
    }

    private async Task ReceiveAsync()
    {
        try
        {
            while (await _reader.ReadAsync(_life.Token).ConfigureAwait(false) is { } frame)
            {
                if (frame.Type == TtrpcFrameType.Request) throw new TtrpcMalformedException("a request came where only answers are expected");
                await _pending.DeliverAsync(frame, _life.Token).ConfigureAwait(false);
            }
            End("the peer closed the connection", null);
        }
        catch (TtrpcMalformedException e)
        {
            End($"the peer does not speak ttRPC: {e.Message}", e);
        }
        catch (Exception e)
        {
            End($"reading failed: {e.Message}", e);
        }
    }

    private void End(string reason, Exception? cause)
    {
        if (!_pending.Close(reason, cause)) return;
        _writer.Abort(reason);
        _life.Cancel();
        _stream.Dispose();
    }

    private static Request Envelope<T>(string service, string method, T? message, TimeSpan? timeout)
        where T : IMessage<T> => new()
        {
            Service = service,
            Method = method,
            Payload = message is null ? ByteString.Empty : UnsafeByteOperations.UnsafeWrap(message.ToByteArray()),
            TimeoutNano = timeout is { } limit ? (long)limit.TotalNanoseconds : 0,
        };
}
