using System.IO.Pipelines;

namespace VmCacheCluster.Agent.Yamux;

/// <summary>One stream of a session. Its peer sends no more than there is room for; what it sends is taken in order.</summary>
internal sealed class YamuxStream(YamuxSession session, uint id) : ConnectionStream
{
    private readonly Pipe _received = new(new PipeOptions(pauseWriterThreshold: 0, useSynchronizationContext: false));
    private readonly Lock _gate = new();
    private TaskCompletionSource _room = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private long _sendWindow = YamuxHeader.Window;
    private int _buffered, _taken;
    private bool _ended, _peerEnded;
    private YamuxException? _broken;

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        var result = await _received.Reader.ReadAsync(cancellationToken).ConfigureAwait(false);
        var part = result.Buffer.Slice(0, Math.Min(buffer.Length, result.Buffer.Length));
        var read = 0;
        foreach (var segment in part)
        {
            segment.CopyTo(buffer[read..]);
            read += segment.Length;
        }

        _received.Reader.AdvanceTo(part.End);
        Consumed(read);
        return read;
    }

    public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        while (buffer.Length > 0)
        {
            var length = await RoomAsync(buffer.Length, cancellationToken).ConfigureAwait(false);
            await session.SendAsync(new YamuxHeader(YamuxType.Data, YamuxFlags.None, id, (uint)length), buffer[..length], cancellationToken).ConfigureAwait(false);
            buffer = buffer[length..];
        }
    }

    /// <summary>The peer has room again.</summary>
    public void Grow(uint by)
    {
        lock (_gate)
        {
            _sendWindow += by;
            _room.TrySetResult();
        }
    }

    /// <exception cref="YamuxException">The peer sent more than there was room for.</exception>
    public void Take(ReadOnlySpan<byte> data)
    {
        if (data.Length == 0) return;
        lock (_gate)
        {
            // Nobody reads it any more, or it came behind the end.
            if (_ended || _peerEnded || _broken is not null) return;
            _buffered += data.Length;
            if (_buffered > YamuxHeader.Window) throw new YamuxException($"the peer sent more on stream {id} than there was room for");
        }

        data.CopyTo(_received.Writer.GetSpan(data.Length));
        _received.Writer.Advance(data.Length);
        // No threshold pauses the writer: it completes at once.
        _ = _received.Writer.FlushAsync().AsTask();
    }

    public void PeerHasEnded()
    {
        bool over;
        lock (_gate) (_peerEnded, over) = (true, _ended);
        _received.Writer.Complete();
        if (over) session.Forget(id);
    }

    public void Reset()
    {
        Break(new YamuxException("the peer reset the stream"));
        session.Forget(id);
    }

    public void Break(YamuxException why)
    {
        lock (_gate)
        {
            _broken ??= why;
            _room.TrySetResult();
        }

        _received.Writer.Complete(new YamuxException(why.Message, why));
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing) Finish();
        base.Dispose(disposing);
    }

    /// <summary>Half of the window is given back at a time.</summary>
    private void Consumed(int bytes)
    {
        uint back = 0;
        lock (_gate)
        {
            _taken += bytes;
            if (_taken >= YamuxHeader.Window / 2 && !_peerEnded && _broken is null)
            {
                (back, _buffered, _taken) = ((uint)_taken, _buffered - _taken, 0);
            }
        }

        if (back > 0) session.Post(new YamuxHeader(YamuxType.WindowUpdate, YamuxFlags.None, id, back));
    }

    private async ValueTask<int> RoomAsync(int wanted, CancellationToken cancel)
    {
        while (true)
        {
            Task grown;
            lock (_gate)
            {
                if (_broken is { } broken) throw new YamuxException(broken.Message, broken);
                if (_ended) throw new ObjectDisposedException(nameof(YamuxStream));
                if (_sendWindow > 0)
                {
                    var length = (int)Math.Min(_sendWindow, wanted);
                    _sendWindow -= length;
                    return length;
                }

                if (_room.Task.IsCompleted) _room = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
                grown = _room.Task;
            }

            await grown.WaitAsync(cancel).ConfigureAwait(false);
        }
    }

    private void Finish()
    {
        bool over, broken;
        lock (_gate)
        {
            if (_ended) return;
            (_ended, over, broken) = (true, _peerEnded, _broken is not null);
            _room.TrySetResult();
        }

        if (!broken) session.Post(new YamuxHeader(YamuxType.WindowUpdate, YamuxFlags.Fin, id, 0));
        _received.Reader.Complete();
        if (over || broken) session.Forget(id);
    }
}
