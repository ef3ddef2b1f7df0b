namespace VmCacheCluster.Agent;

/// <summary>A call that waits for frames of its stream id.</summary>
internal abstract class TtrpcCall
{
    /// <summary>0 until the call's request is sent.</summary>
    public uint StreamId { get; set; }

    /// <summary>It has all that belongs to it.</summary>
    public abstract bool Ended { get; }

    public abstract ValueTask OnFrameAsync(TtrpcFrame frame, CancellationToken cancel);

    public abstract void Fail(Exception failure);
}

/// <summary>The calls of one client connection by stream id, and whether that connection still lives.</summary>
internal sealed class TtrpcPendingCalls(uint firstStreamId)
{
    private readonly Dictionary<uint, TtrpcCall> _calls = [];
    private readonly Lock _gate = new();
    private ulong _next = firstStreamId;
    private readonly UnaskedFrames _unasked = new();
    private long _ignored;
    private Exception? _cause;

    public string? CloseReason { get; private set; }

    public long Ignored => Interlocked.Read(ref _ignored);

    /// <summary>Registers a call under the next stream id.</summary>
    public uint Add(TtrpcCall call)
    {
        lock (_gate)
        {
            if (CloseReason is not null) throw new TtrpcConnectionException(CloseReason, _cause);
            if (_next > uint.MaxValue) throw new TtrpcConnectionException("the connection has used up its stream ids: make a new one");
            call.StreamId = (uint)_next;
            _calls.Add(call.StreamId, call);
            _next += 2;
            _unasked.Forgive();
            return call.StreamId;
        }
    }

    public void Remove(TtrpcCall call)
    {
        lock (_gate)
        {
            _calls.Remove(call.StreamId);
        }
    }

    /// <exception cref="TtrpcMalformedException">The peer sends and sends what nobody asked for.</exception>
    public async ValueTask DeliverAsync(TtrpcFrame frame, CancellationToken cancel)
    {
        TtrpcCall? call;
        lock (_gate)
        {
            _calls.TryGetValue(frame.StreamId, out call);
        }
        if (call is null or { Ended: true })
        {
            Interlocked.Increment(ref _ignored);
            if (!_unasked.Count()) throw new TtrpcMalformedException($"it sent more than {UnaskedFrames.Most} frames that belong to no call");
        }
        else await call.OnFrameAsync(frame, cancel).ConfigureAwait(false);
    }

    /// <summary>Fails all calls, and those to come. False when that has happened before.</summary>
    public bool Close(string reason, Exception? cause)
    {
        TtrpcCall[] failed;
        lock (_gate)
        {
            if (CloseReason is not null) return false;
            CloseReason = reason;
            _cause = cause;
            failed = [.. _calls.Values];
            _calls.Clear();
        }
        foreach (var call in failed) call.Fail(new TtrpcConnectionException(reason, cause));
        return true;
    }
}
