using System.Threading.Channels;

namespace VmCacheCluster.Agent;

/// <summary>
/// The messages of one stream that wait for their reader. Its memory is bounded by making the connection's reader wait:
/// ttRPC has no flow control of its own, so a slow reader holds up the other calls of its connection, too.
/// </summary>
internal sealed class TtrpcInbox(int byteLimit)
{
    // What an empty message costs, so that a flood of them is bounded as well.
    private const int Overhead = 64;

    private readonly Channel<ReadOnlyMemory<byte>> _messages = Channel.CreateUnbounded<ReadOnlyMemory<byte>>();
    private readonly Lock _gate = new();
    private long _waiting;
    private TaskCompletionSource? _room;
    private bool _ended;

    /// <summary>Adds a message without waiting: the first one, which comes before there is a reader.</summary>
    public void Put(ReadOnlyMemory<byte> message)
    {
        lock (_gate)
        {
            if (_ended) return;
            _waiting += message.Length + Overhead;
            _messages.Writer.TryWrite(message);
        }
    }

    /// <summary>Adds a message and waits while there are too many; messages after the end are dropped.</summary>
    public async ValueTask PutAsync(ReadOnlyMemory<byte> message, CancellationToken cancel)
    {
        Task room;
        lock (_gate)
        {
            Put(message);
            if (_ended || _waiting <= byteLimit) return;
            _room ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            room = _room.Task;
        }
        await room.WaitAsync(cancel).ConfigureAwait(false);
    }

    /// <summary>The next message, or null at the end; throws what the inbox was ended with.</summary>
    public async ValueTask<ReadOnlyMemory<byte>?> TakeAsync(CancellationToken cancel)
    {
        while (await _messages.Reader.WaitToReadAsync(cancel).ConfigureAwait(false))
        {
            if (!_messages.Reader.TryRead(out var message)) continue;
            lock (_gate)
            {
                _waiting -= message.Length + Overhead;
                if (_waiting <= byteLimit) MakeRoom();
            }
            return message;
        }
        return null;
    }

    /// <summary>No more messages; what is here can still be taken.</summary>
    public void End(Exception? failure = null)
    {
        lock (_gate)
        {
            _ended = true;
            _messages.Writer.TryComplete(failure);
            MakeRoom();
        }
    }

    private void MakeRoom()
    {
        _room?.TrySetResult();
        _room = null;
    }
}
