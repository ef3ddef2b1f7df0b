using VmCacheCluster.Agent;
using VmCacheCluster.Guest.Sys;

namespace VmCacheCluster.Guest.Port;

/// <summary>One host's connection. It is read and written by the reactor's thread, which must not wait. Owns its descriptor.</summary>
internal sealed class SocketStream : ConnectionStream
{
    private readonly Reactor _reactor;
    private readonly int _descriptor;
    private readonly Readiness _readiness;
    private readonly CancellationTokenSource _left = new();
    private readonly Lock _gate = new();
    private bool _closed;

    public SocketStream(Reactor reactor, int descriptor)
    {
        (_reactor, _descriptor) = (reactor, descriptor);
        try
        {
            // The end is not left to reading: nothing is read while a program takes no input.
            _readiness = reactor.Watch(descriptor, readsHere: true, hungUp: () => _ = _left.CancelAsync());
        }
        catch
        {
            _ = Libc.close(descriptor);
            throw;
        }
    }

    /// <summary>Cancelled when the host leaves.</summary>
    public CancellationToken Left => _left.Token;

    /// <exception cref="IOException">The connection broke.</exception>
    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        while (true)
        {
            if (TryRead(buffer.Span) is { } count) return count;
            await _readiness.ReadableAsync(cancellationToken).ConfigureAwait(false);
        }
    }

    /// <exception cref="IOException">The connection broke.</exception>
    public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        while (!buffer.IsEmpty)
        {
            if (TryWrite(buffer.Span) is { } count) buffer = buffer[count..];
            else await _readiness.WritableAsync(cancellationToken).ConfigureAwait(false);
        }
    }

    protected override void Dispose(bool disposing)
    {
        lock (_gate)
        {
            if (_closed) return;
            _closed = true;
            _reactor.Forget(_descriptor, _readiness);
            _ = Libc.close(_descriptor);
        }

        base.Dispose(disposing);
    }

    private int? TryRead(Span<byte> buffer)
    {
        lock (_gate)
        {
            // Its number may be another's by now.
            return _closed ? 0 : Descriptor.Read(_descriptor, buffer);
        }
    }

    private int? TryWrite(ReadOnlySpan<byte> bytes)
    {
        lock (_gate)
        {
            return _closed ? throw new IOException("the connection is closed") : Descriptor.Write(_descriptor, bytes);
        }
    }
}
