using System.Text.Json;

namespace VmCacheCluster.Qmp;

/// <summary>Commands sent and not yet answered, by id.</summary>
internal sealed class PendingCommands
{
    private readonly Lock _gate = new();
    private readonly Dictionary<long, Entry> _entries = [];
    private long _lastId;
    private Exception? _ended;

    /// <summary>How many wait for an answer now.</summary>
    public int Count
    {
        get { lock (_gate) return _entries.Count; }
    }

    /// <exception cref="QmpDisconnectedException">The connection has ended.</exception>
    public (long Id, Task<JsonElement> Answer) Add(string command)
    {
        // The reader must never run a waiter's continuation, or one slow waiter would hold up all answers.
        var entry = new Entry(command, new TaskCompletionSource<JsonElement>(TaskCreationOptions.RunContinuationsAsynchronously));
        lock (_gate)
        {
            if (_ended is not null) throw new QmpDisconnectedException(_ended.Message, _ended);
            _entries.Add(++_lastId, entry);
            return (_lastId, entry.Answer.Task);
        }
    }

    public void Forget(long id)
    {
        lock (_gate) _entries.Remove(id);
    }

    /// <summary>False when nobody waits for this id (any more).</summary>
    public bool TryAnswer(long id, JsonElement result) => Take(id) is { } entry && entry.Answer.TrySetResult(result);

    public bool TryFail(long id, string errorClass, string desc) =>
        Take(id) is { } entry && entry.Answer.TrySetException(new QmpCommandException(entry.Command, errorClass, desc));

    /// <summary>Fails all that wait, and every later <see cref="Add"/>.</summary>
    public void End(QmpDisconnectedException why)
    {
        List<Entry> orphans;
        lock (_gate)
        {
            if (_ended is not null) return;
            _ended = why;
            orphans = [.. _entries.Values];
            _entries.Clear();
        }
        foreach (var entry in orphans)
            entry.Answer.TrySetException(new QmpDisconnectedException($"{why.Message}; '{entry.Command}' was not answered", why));
    }

    private Entry? Take(long id)
    {
        lock (_gate) return _entries.Remove(id, out var entry) ? entry : null;
    }

    private sealed record Entry(string Command, TaskCompletionSource<JsonElement> Answer);
}
