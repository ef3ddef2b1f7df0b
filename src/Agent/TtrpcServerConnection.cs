using Google.Protobuf;
using VmCacheCluster.Agent.Wire;

namespace VmCacheCluster.Agent;

/// <summary>Serves one connection: starts calls, hands them their data, and cancels them when the connection ends.</summary>
internal sealed class TtrpcServerConnection
{
    // How long the frame being written when the connection ends may take: cut short, it would spoil the next client's beginning.
    private static readonly TimeSpan WritePatience = TimeSpan.FromSeconds(2);

    private readonly TtrpcServerOptions _options;
    private readonly Dictionary<(string, string), TtrpcHandler> _handlers;
    private readonly TtrpcFrameReader _reader;
    private readonly TtrpcFrameWriter _writer;
    private readonly Dictionary<uint, TtrpcServerCall> _calls = [];
    private readonly Lock _gate = new();
    private readonly CancellationTokenSource _broken = new();
    private string? _writeFailure;
    private long _ignored;
    private uint _lastId;

    public TtrpcServerConnection(Stream stream, TtrpcServerOptions options, Dictionary<(string, string), TtrpcHandler> handlers)
    {
        _options = options;
        _handlers = handlers;
        _reader = new TtrpcFrameReader(stream, options.MaxPayload, options.FrameTimeout);
        _writer = new TtrpcFrameWriter(stream, options.MaxPayload, (reason, _) =>
        {
            _writeFailure = reason;
            _broken.Cancel();
        });
    }

    public async Task<TtrpcEnd> RunAsync(CancellationToken cancel)
    {
        using var life = CancellationTokenSource.CreateLinkedTokenSource(cancel, _broken.Token);
        try
        {
            while (await _reader.ReadAsync(life.Token).ConfigureAwait(false) is { } frame)
                await TakeAsync(frame, life.Token).ConfigureAwait(false);
            return End(TtrpcEndKind.Closed, "the client closed the connection");
        }
        catch (TtrpcMalformedException e)
        {
            return End(TtrpcEndKind.Malformed, e.Message);
        }
        catch (TtrpcConnectionException e)
        {
            return End(TtrpcEndKind.Broken, e.Message);
        }
        catch (OperationCanceledException) when (!cancel.IsCancellationRequested)
        {
            return End(TtrpcEndKind.Broken, _writeFailure ?? "reading was cancelled");
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException)
        {
            return End(TtrpcEndKind.Broken, $"reading failed: {e.Message}");
        }
        finally
        {
            foreach (var call in Running()) call.Cancel();
            await _writer.CloseAsync("the connection has ended", WritePatience).ConfigureAwait(false);
        }
    }

    private TtrpcEnd End(TtrpcEndKind kind, string detail) => new(kind, detail, _ignored);

    private ValueTask TakeAsync(TtrpcFrame frame, CancellationToken cancel)
    {
        if (frame.Type == TtrpcFrameType.Request) return StartAsync(frame, cancel);
        if (frame.Type == TtrpcFrameType.Response) throw new TtrpcMalformedException("a response came where requests are expected");
        if (Find(frame.StreamId) is { TakesInput: true } call) return call.OnDataAsync(frame, cancel);
        _ignored++;
        return ValueTask.CompletedTask;
    }

    private async ValueTask StartAsync(TtrpcFrame frame, CancellationToken cancel)
    {
        Request request;
        try
        {
            request = Request.Parser.ParseFrom(frame.Payload.Span);
        }
        catch (InvalidProtocolBufferException e)
        {
            throw new TtrpcMalformedException($"a request cannot be read: {e.Message}", e);
        }
        if (_options.ClientsChangeUnseen && frame.StreamId <= _lastId) AbandonAll();
        _lastId = frame.StreamId;
        if (Refuse(frame.StreamId, request) is { } refusal)
        {
            await AnswerAsync(frame.StreamId, refusal, cancel).ConfigureAwait(false);
            return;
        }

        var handler = _handlers[(request.Service, request.Method)];
        if (handler.Answer(request.Payload.Memory) is { } answer)
        {
            await AnswerAsync(frame.StreamId, answer, cancel).ConfigureAwait(false);
            return;
        }
        var call = new TtrpcServerCall(frame.StreamId, handler, _writer, _options.StreamBuffer);
        // A single request is always there, be it empty; the request of a stream carries a message only if it is not.
        if (!handler.Streams || request.Payload.Length > 0) call.PutFirst(request.Payload.Memory);
        if (!handler.Streams || !frame.Has(TtrpcFrameFlags.RemoteOpen)) call.EndInput();
        lock (_gate)
        {
            _calls.Add(frame.StreamId, call);
        }
        TimeSpan? timeout = request.TimeoutNano > 0 ? TimeSpan.FromTicks(Math.Max(1, request.TimeoutNano / 100)) : null;
        _ = Task.Run(() => FinishAsync(frame.StreamId, call, timeout), CancellationToken.None);
    }

    private async ValueTask AnswerAsync(uint streamId, Response answer, CancellationToken cancel)
    {
        try
        {
            await SendAsync(answer).ConfigureAwait(false);
        }
        catch (TtrpcStatusException e)
        {
            await SendAsync(new Response { Status = TtrpcMessages.StatusOf(e) }).ConfigureAwait(false);
        }

        Task SendAsync(Response response) => _writer.SendAsync(() => streamId, TtrpcFrameType.Response, TtrpcFrameFlags.None, response, cancel);
    }

    private async Task FinishAsync(uint streamId, TtrpcServerCall call, TimeSpan? timeout)
    {
        try
        {
            await call.RunAsync(timeout).ConfigureAwait(false);
        }
        finally
        {
            lock (_gate)
            {
                // It may be another's by now, if this call was abandoned.
                if (_calls.GetValueOrDefault(streamId) == call) _calls.Remove(streamId);
            }
        }
    }

    private void AbandonAll()
    {
        TtrpcServerCall[] abandoned;
        lock (_gate)
        {
            abandoned = [.. _calls.Values];
            _calls.Clear();
        }
        foreach (var call in abandoned) call.Abandon();
    }

    private TtrpcServerCall[] Running()
    {
        lock (_gate)
        {
            return [.. _calls.Values];
        }
    }

    private TtrpcServerCall? Find(uint streamId)
    {
        lock (_gate)
        {
            return _calls.GetValueOrDefault(streamId);
        }
    }

    private Response? Refuse(uint streamId, Request request)
    {
        int running;
        lock (_gate)
        {
            if (_calls.ContainsKey(streamId)) return Refusal(TtrpcStatusCode.AlreadyExists, $"stream {streamId} is in use");
            running = _calls.Count;
        }
        if (!_handlers.ContainsKey((request.Service, request.Method)))
            return Refusal(TtrpcStatusCode.Unimplemented, $"there is no method {request.Service}/{request.Method}");
        return running >= _options.MaxConcurrentCalls
            ? Refusal(TtrpcStatusCode.ResourceExhausted, $"{running} calls are running, which is the most this server takes at once")
            : null;
    }

    private static Response Refusal(TtrpcStatusCode code, string message) =>
        new() { Status = TtrpcMessages.StatusOf(code, message) };
}
