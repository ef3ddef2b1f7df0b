using System.Buffers;
using System.Buffers.Binary;
using Google.Protobuf;

namespace VmCacheCluster.Agent;

/// <summary>
/// Writes whole frames, one after the other. A caller may stop waiting at any time; its frame, once begun, is still written
/// to its end, since half a frame would spoil the connection for all.
/// </summary>
/// <param name="broken">Told once, when a write fails.</param>
internal sealed class TtrpcFrameWriter(Stream stream, int maxPayload, Action<string, Exception> broken)
{
    private readonly SemaphoreSlim _turn = new(1, 1);
    private readonly CancellationTokenSource _abort = new();
    private volatile string? _closed;

    /// <param name="takeStreamId">Called when it is this frame's turn, so that new ids go out in increasing order.</param>
    /// <param name="message">The payload; null for none.</param>
    /// <exception cref="TtrpcStatusException">RESOURCE_EXHAUSTED: the message is too long. Nothing was written.</exception>
    /// <exception cref="TtrpcConnectionException">The stream is closed or broke.</exception>
    public async Task SendAsync(
        Func<uint> takeStreamId, TtrpcFrameType type, TtrpcFrameFlags flags, IMessage? message, CancellationToken cancel)
    {
        var length = message?.CalculateSize() ?? 0;
        if (length > maxPayload)
            throw new TtrpcStatusException(TtrpcStatusCode.ResourceExhausted, $"a message of {length} bytes is too long to send; at most {maxPayload} are allowed");

        await _turn.WaitAsync(cancel).ConfigureAwait(false);
        byte[] frame;
        try
        {
            if (_closed is { } reason) throw new TtrpcConnectionException(reason);
            frame = ArrayPool<byte>.Shared.Rent(TtrpcFrame.HeaderLength + length);
            BinaryPrimitives.WriteInt32BigEndian(frame, length);
            BinaryPrimitives.WriteUInt32BigEndian(frame.AsSpan(4), takeStreamId());
            frame[8] = (byte)type;
            frame[9] = (byte)flags;
            message?.WriteTo(frame.AsSpan(TtrpcFrame.HeaderLength, length));
        }
        catch
        {
            _turn.Release();
            throw;
        }
        await FlushAsync(frame, TtrpcFrame.HeaderLength + length).WaitAsync(cancel).ConfigureAwait(false);
    }

    /// <summary>Refuses all further frames, and gives the one being written <paramref name="patience"/> to end.</summary>
    public async Task CloseAsync(string reason, TimeSpan patience)
    {
        _closed ??= reason;
        if (!await _turn.WaitAsync(patience).ConfigureAwait(false))
        {
            await _abort.CancelAsync().ConfigureAwait(false);
            return;
        }
        _turn.Release();
    }

    /// <summary>Refuses all further frames and breaks off the one being written.</summary>
    public void Abort(string reason)
    {
        _closed ??= reason;
        _abort.Cancel();
    }

    private async Task FlushAsync(byte[] frame, int length)
    {
        try
        {
            await stream.WriteAsync(frame.AsMemory(0, length), _abort.Token).ConfigureAwait(false);
            await stream.FlushAsync(_abort.Token).ConfigureAwait(false);
        }
        catch (Exception e)
        {
            var reason = _closed ??= $"writing failed: {e.Message}";
            broken(reason, e);
            throw new TtrpcConnectionException(reason, e);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(frame);
            _turn.Release();
        }
    }
}
