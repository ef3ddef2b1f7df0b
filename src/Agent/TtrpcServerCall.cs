using Google.Protobuf;
using VmCacheCluster.Agent.Wire;
using static VmCacheCluster.Agent.TtrpcFrameFlags;

namespace VmCacheCluster.Agent;

/// <summary>One call on one connection of a server, from its request to its last frame.</summary>
internal sealed class TtrpcServerCall(uint streamId, TtrpcHandler handler, TtrpcFrameWriter writer, int streamBuffer)
{
    private readonly TtrpcInbox _input = new(streamBuffer);
    private readonly CancellationTokenSource _life = new();
    private bool _inputEnded;
    private volatile bool _abandoned;

    public bool TakesInput => handler.Streams;

    /// <summary>Runs the handler and answers for it; returns when all is sent, and throws nothing.</summary>
    public async Task RunAsync(TimeSpan? timeout)
    {
        using var deadline = new CancellationTokenSource();
        if (timeout is { } limit) deadline.CancelAfter(limit);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(_life.Token, deadline.Token);
        Response response;
        try
        {
            var answer = await handler.RunAsync(_input, SendAsync, either.Token).ConfigureAwait(false);
            if (answer is null)
            {
                await writer.SendAsync(TakeStreamId, TtrpcFrameType.Data, RemoteClosed | NoData, null, _life.Token).ConfigureAwait(false);
                return;
            }
            response = new Response { Payload = UnsafeByteOperations.UnsafeWrap(answer.ToByteArray()) };
        }
        catch (Exception e)
        {
            response = new Response { Status = StatusOf(e, deadline.IsCancellationRequested) };
        }
        finally
        {
            _input.End();
        }
        await AnswerAsync(response).ConfigureAwait(false);
    }

    /// <summary>A data frame of the client. Waits while the handler has too much to read.</summary>
    public async ValueTask OnDataAsync(TtrpcFrame frame, CancellationToken cancel)
    {
        if (_inputEnded)
        {
            // A second close is a client's way to abandon the call (see TtrpcStream.DisposeAsync).
            if (frame.Has(RemoteClosed)) Cancel();
            return;
        }
        if (!frame.Has(NoData)) await _input.PutAsync(frame.Payload, cancel).ConfigureAwait(false);
        if (frame.Has(RemoteClosed)) EndInput();
    }

    public void PutFirst(ReadOnlyMemory<byte> message) => _input.Put(message);

    public void EndInput()
    {
        _inputEnded = true;
        _input.End();
    }

    public void Cancel() => _life.Cancel();

    /// <summary>Cancels the call, whose client is gone: nothing more is sent for it, not even that it was cancelled.</summary>
    public void Abandon()
    {
        _abandoned = true;
        _life.Cancel();
    }

    // Asked when it is the frame's turn to be written, so what was waiting for its turn is not sent either.
    private uint TakeStreamId() => _abandoned ? throw new TtrpcConnectionException("the call's client is gone") : streamId;

    private async ValueTask SendAsync(IMessage message) =>
        await writer.SendAsync(TakeStreamId, TtrpcFrameType.Data, None, message, _life.Token).ConfigureAwait(false);

    private async Task AnswerAsync(Response response)
    {
        try
        {
            await SendResponseAsync(response).ConfigureAwait(false);
        }
        catch (TtrpcStatusException e)
        {
            await SendResponseAsync(new Response { Status = StatusOf(e, late: false) }).ConfigureAwait(false);
        }
        catch (TtrpcConnectionException)
        {
            // Nobody is left to be answered.
        }
    }

    private Task SendResponseAsync(Response response) =>
        writer.SendAsync(TakeStreamId, TtrpcFrameType.Response, None, response, CancellationToken.None);

    private Status StatusOf(Exception e, bool late) => e switch
    {
        OperationCanceledException when _life.IsCancellationRequested => TtrpcMessages.StatusOf(TtrpcStatusCode.Cancelled, "the call was cancelled"),
        OperationCanceledException when late => TtrpcMessages.StatusOf(TtrpcStatusCode.DeadlineExceeded, "the call's deadline passed"),
        _ => TtrpcMessages.StatusOf(e),
    };
}
