using System.Buffers.Binary;

namespace VmCacheCluster.Agent;

/// <summary>
/// Reads frames from a stream, however its bytes are split. One reader at a time. After a
/// <see cref="TtrpcMalformedException"/> there is no telling where the next frame begins: the reader is spent (see
/// <see cref="TtrpcResync"/>).
/// </summary>
/// <param name="stream">Where to read. Its ReadAsync must honour cancellation without losing bytes.</param>
/// <param name="maxPayload">Longer payloads are malformed, in bytes.</param>
/// <param name="frameTimeout">How long a frame may stay incomplete once its first byte is here; null for ever.</param>
public sealed class TtrpcFrameReader(Stream stream, int maxPayload = TtrpcFrame.LargestPayload, TimeSpan? frameTimeout = null)
{
    private readonly byte[] _buffer = new byte[4096];
    private int _start;
    private int _end;
    private (int Have, int Of, bool Header)? _unfinished;

    /// <summary>How much there is of a frame that has begun and is not complete, for a person; empty when there is none. To be read at any time.</summary>
    public string Unfinished => _unfinished is var (have, of, header) ? $"{have} of {of} bytes {(header ? "of its header " : "")}have come" : "";

    /// <summary>The next frame, or null when the stream ended between two frames.</summary>
    /// <exception cref="TtrpcMalformedException">Garbage, a frame cut short by the end, or one that came too slowly.</exception>
    public async ValueTask<TtrpcFrame?> ReadAsync(CancellationToken cancel)
    {
        if (_start == _end && !await FillAsync(cancel).ConfigureAwait(false)) return null;
        // Small frames come whole, mostly: for them no clock is set up, which takes a guest without KVM longer than all the rest.
        if (TryTake() is { } whole) return whole;
        if (frameTimeout is not { } limit) return await ReadFrameAsync(cancel).ConfigureAwait(false);

        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        deadline.CancelAfter(limit);
        try
        {
            return await ReadFrameAsync(deadline.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (!cancel.IsCancellationRequested)
        {
            throw new TtrpcMalformedException($"a frame stayed incomplete for {limit.TotalSeconds:0.###} s");
        }
    }

    private async ValueTask<TtrpcFrame> ReadFrameAsync(CancellationToken cancel)
    {
        while (_end - _start < TtrpcFrame.HeaderLength)
        {
            _unfinished = (_end - _start, TtrpcFrame.HeaderLength, true);
            if (!await FillAsync(cancel).ConfigureAwait(false)) throw CutShort(TtrpcFrame.HeaderLength, _end - _start);
        }

        var (length, frame) = ParseHeader();
        _start += TtrpcFrame.HeaderLength;
        frame = frame with { Payload = await ReadPayloadAsync(length, cancel).ConfigureAwait(false) };
        _unfinished = null;
        return frame;
    }

    /// <returns>The next frame when all of it has been read already.</returns>
    private TtrpcFrame? TryTake()
    {
        if (_end - _start < TtrpcFrame.HeaderLength) return null;
        var (length, frame) = ParseHeader();
        if (_end - _start - TtrpcFrame.HeaderLength < length) return null;
        _start += TtrpcFrame.HeaderLength;
        var payload = _buffer.AsSpan(_start, length).ToArray();
        _start += length;
        return frame with { Payload = payload };
    }

    private (int Length, TtrpcFrame Frame) ParseHeader()
    {
        var header = _buffer.AsSpan(_start, TtrpcFrame.HeaderLength);
        var length = BinaryPrimitives.ReadUInt32BigEndian(header);
        var id = BinaryPrimitives.ReadUInt32BigEndian(header[4..]);
        var type = (TtrpcFrameType)header[8];
        if (length > maxPayload) throw new TtrpcMalformedException($"a frame announces {length} bytes; at most {maxPayload} are allowed");
        if (id % 2 == 0) throw new TtrpcMalformedException($"a frame has the even stream id {id}");
        if (type is < TtrpcFrameType.Request or > TtrpcFrameType.Data)
            throw new TtrpcMalformedException($"a frame has the unknown type {(byte)type}");
        return ((int)length, new TtrpcFrame(id, type, (TtrpcFrameFlags)header[9], default));
    }

    private async ValueTask<ReadOnlyMemory<byte>> ReadPayloadAsync(int length, CancellationToken cancel)
    {
        if (length == 0) return ReadOnlyMemory<byte>.Empty;
        var payload = new byte[length];
        var have = Math.Min(length, _end - _start);
        _buffer.AsSpan(_start, have).CopyTo(payload);
        _start += have;
        while (have < length)
        {
            _unfinished = (have, length, false);
            var read = await stream.ReadAsync(payload.AsMemory(have), cancel).ConfigureAwait(false);
            if (read == 0) throw CutShort(length, have);
            have += read;
        }
        return payload;
    }

    private async ValueTask<bool> FillAsync(CancellationToken cancel)
    {
        if (_start > 0)
        {
            _buffer.AsSpan(_start, _end - _start).CopyTo(_buffer);
            _end -= _start;
            _start = 0;
        }
        var read = await stream.ReadAsync(_buffer.AsMemory(_end), cancel).ConfigureAwait(false);
        _end += read;
        return read > 0;
    }

    private static TtrpcMalformedException CutShort(int wanted, int got) =>
        new($"the stream ended inside a frame, after {got} of {wanted} bytes");
}
