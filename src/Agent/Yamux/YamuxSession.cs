using System.Collections.Concurrent;
using System.Threading.Channels;

namespace VmCacheCluster.Agent.Yamux;

/// <summary>
/// Many streams over one connection, as Kata 1.x speaks with its guests' agents: the host is the client, the agent the server. It answers
/// pings and sends none. It owns its connection; disposing it resets what is open. What ends it ends every stream.
/// </summary>
public sealed class YamuxSession : IAsyncDisposable
{
    /// <summary>A peer that asks for more answers than it takes is given up.</summary>
    private const int MostAnswers = 256;

    private readonly Stream _connection;
    private readonly ConcurrentDictionary<uint, YamuxStream> _streams = new();
    private readonly SemaphoreSlim _writing = new(1);
    private readonly CancellationTokenSource _life = new();
    private readonly Channel<YamuxStream> _accepted = Channel.CreateBounded<YamuxStream>(64);
    private readonly Task _reading;
    private readonly UnaskedFrames _unasked = new();
    private readonly TaskCompletionSource _settled = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private uint _next;
    private int _answers;
    private volatile bool _settling;
    private YamuxException? _ended;

    /// <param name="connection">Any connection; the session's from then on.</param>
    /// <param name="client">Its streams have odd numbers, a server's even ones.</param>
    public YamuxSession(Stream connection, bool client)
    {
        (_connection, _next) = (connection, client ? 1u : 2u);
        _reading = Task.Run(ReadAsync);
    }

    /// <summary>Completes, never with an error, when the session has ended.</summary>
    public Task Closed => _reading;

    /// <summary>Frames of streams that are not there: what an earlier session on the same channel left.</summary>
    public long Ignored { get; private set; }

    /// <summary>Streams that neither side, or only one, had ended when the session ended.</summary>
    public int Cut { get; private set; }

    /// <summary>
    /// Waits until both sides have ended every stream. A channel that does not tell when its peer changes, such as virtio-serial, carries
    /// what the peer has still to say of a stream to whoever comes next.
    /// </summary>
    /// <param name="limit">How long; what is open then stays so.</param>
    public async Task SettleAsync(TimeSpan limit)
    {
        _settling = true;
        if (_streams.IsEmpty) return;
        await Task.WhenAny(_settled.Task, _reading, Task.Delay(limit)).ConfigureAwait(false);
    }

    /// <exception cref="YamuxException">The session has ended.</exception>
    public async Task<Stream> OpenAsync(CancellationToken cancel)
    {
        var id = Interlocked.Add(ref _next, 2) - 2;
        var stream = new YamuxStream(this, id);
        _streams[id] = stream;
        _unasked.Forgive();
        try
        {
            await SendAsync(new YamuxHeader(YamuxType.WindowUpdate, YamuxFlags.Syn, id, 0), default, cancel).ConfigureAwait(false);
            return stream;
        }
        catch
        {
            Forget(id);
            throw;
        }
    }

    /// <summary>The next stream that the peer opens; null when the session has ended.</summary>
    public async Task<Stream?> AcceptAsync(CancellationToken cancel)
    {
        try
        {
            return await _accepted.Reader.ReadAsync(cancel).ConfigureAwait(false);
        }
        catch (ChannelClosedException)
        {
            return null;
        }
    }

    public async ValueTask DisposeAsync()
    {
        End(new YamuxException("the session was closed"));
        await _reading.ConfigureAwait(false);
        await _connection.DisposeAsync().ConfigureAwait(false);
    }

    internal void Forget(uint id)
    {
        _streams.TryRemove(id, out _);
        if (_settling && _streams.IsEmpty) _settled.TrySetResult();
    }

    internal async ValueTask SendAsync(YamuxHeader header, ReadOnlyMemory<byte> data, CancellationToken cancel)
    {
        if (_ended is { } ended) throw Again(ended);
        var frame = new byte[YamuxHeader.Size + data.Length];
        header.Write(frame);
        data.CopyTo(frame.AsMemory(YamuxHeader.Size));
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancel, _life.Token);
        try
        {
            await _writing.WaitAsync(either.Token).ConfigureAwait(false);
            try
            {
                // A frame that is written in part would spoil all that follow: from here on only the session's end stops it.
                await _connection.WriteAsync(frame, _life.Token).ConfigureAwait(false);
            }
            finally
            {
                _writing.Release();
            }
        }
        catch (OperationCanceledException) when (!cancel.IsCancellationRequested)
        {
            throw Again(_ended!);
        }
        catch (Exception fault) when (fault is IOException or System.Net.Sockets.SocketException or ObjectDisposedException)
        {
            End(new YamuxException($"the connection broke: {fault.Message}", fault));
            throw Again(_ended!);
        }
    }

    private static YamuxException Again(YamuxException ended) => new(ended.Message, ended.InnerException);

    private async Task ReadAsync()
    {
        var head = new byte[YamuxHeader.Size];
        try
        {
            while (true)
            {
                await _connection.ReadExactlyAsync(head, _life.Token).ConfigureAwait(false);
                var header = YamuxHeader.Read(head);
                if (header.Type == YamuxType.GoAway) throw new YamuxException($"the peer said farewell ({header.Length})");
                if (IsIdle(header) && !_unasked.Count())
                    throw new YamuxException($"the peer sent more than {UnaskedFrames.Most} frames that carry nothing for any stream");
                if (header.Type == YamuxType.Ping) Answer(header);
                else await OfStreamAsync(header).ConfigureAwait(false);
            }
        }
        catch (EndOfStreamException)
        {
            End(new YamuxException("the peer closed the connection"));
        }
        catch (YamuxException fault)
        {
            End(fault);
        }
        catch (Exception fault) when (fault is IOException or System.Net.Sockets.SocketException or ObjectDisposedException or OperationCanceledException)
        {
            End(new YamuxException($"the connection broke: {fault.Message}", fault));
        }
    }

    /// <summary>Neither content of a stream that is there, nor room or the end of one.</summary>
    private bool IsIdle(YamuxHeader header) => header.Type == YamuxType.Ping || header.Flags.HasFlag(YamuxFlags.Syn) || !_streams.ContainsKey(header.Stream)
        || (header.Length == 0 && !header.Flags.HasFlag(YamuxFlags.Fin) && !header.Flags.HasFlag(YamuxFlags.Reset));

    private async Task OfStreamAsync(YamuxHeader header)
    {
        if (header.Type == YamuxType.Data && header.Length > YamuxHeader.Window) throw new YamuxException($"a frame of {header.Length} bytes is more than a window");
        if (header.Flags.HasFlag(YamuxFlags.Syn)) Accept(header.Stream);
        var data = header.Type == YamuxType.Data && header.Length > 0 ? new byte[header.Length] : [];
        await _connection.ReadExactlyAsync(data, _life.Token).ConfigureAwait(false);
        if (!_streams.TryGetValue(header.Stream, out var stream))
        {
            Ignored++;
            return;
        }

        if (header.Type == YamuxType.WindowUpdate) stream.Grow(header.Length);
        else stream.Take(data);
        if (header.Flags.HasFlag(YamuxFlags.Reset)) stream.Reset();
        else if (header.Flags.HasFlag(YamuxFlags.Fin)) stream.PeerHasEnded();
    }

    private void Accept(uint id)
    {
        if (id % 2 == _next % 2 || id == 0) throw new YamuxException($"the peer opened stream {id}, which is not its own");
        var stream = new YamuxStream(this, id);
        if (!_streams.TryAdd(id, stream)) throw new YamuxException($"the peer opened stream {id} twice");
        if (_accepted.Writer.TryWrite(stream)) Post(new YamuxHeader(YamuxType.WindowUpdate, YamuxFlags.Ack, id, 0));
        else
        {
            Forget(id);
            Post(new YamuxHeader(YamuxType.WindowUpdate, YamuxFlags.Reset, id, 0));
        }
    }

    private void Answer(YamuxHeader ping)
    {
        if (ping.Flags.HasFlag(YamuxFlags.Syn)) Post(ping with { Flags = YamuxFlags.Ack });
    }

    /// <summary>What the reader has to say must not keep it from reading.</summary>
    internal void Post(YamuxHeader header)
    {
        if (Interlocked.Increment(ref _answers) > MostAnswers)
        {
            End(new YamuxException("the peer takes no answers"));
            return;
        }

        _ = PostAsync(header);
    }

    private async Task PostAsync(YamuxHeader header)
    {
        try
        {
            await SendAsync(header, default, CancellationToken.None).ConfigureAwait(false);
        }
        catch (YamuxException)
        {
            // Ended: the streams know.
        }
        finally
        {
            Interlocked.Decrement(ref _answers);
        }
    }

    private void End(YamuxException why)
    {
        if (Interlocked.CompareExchange(ref _ended, why, null) is not null) return;
        _life.Cancel();
        _accepted.Writer.TryComplete();
        Cut = _streams.Count;
        foreach (var stream in _streams.Values) stream.Break(why);
        _streams.Clear();
    }
}
