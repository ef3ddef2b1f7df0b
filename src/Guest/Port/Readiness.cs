using VmCacheCluster.Guest.Sys;

namespace VmCacheCluster.Guest.Port;

/// <summary>A descriptor's edges, remembered until somebody waits: try the call, and when it would block, wait here and
/// try again. An edge between the two is not lost; a stale one costs one more try.</summary>
/// <param name="readsHere">Whoever waits for bytes goes on on the reactor's thread.</param>
internal sealed class Readiness(long key, bool readsHere)
{
    private readonly Edge _readable = new(readsHere);
    private readonly Edge _writable = new(goesOnHere: false);
    private readonly Edge _changed = new(goesOnHere: false);

    public long Key { get; } = key;

    /// <summary>Called by the reactor's thread at every hang-up, also of a peer that only stopped sending.</summary>
    public Action? HungUp { get; set; }

    public Task ReadableAsync(CancellationToken cancellation) => _readable.WaitAsync(cancellation);
    public Task WritableAsync(CancellationToken cancellation) => _writable.WaitAsync(cancellation);

    /// <summary>Waits for an edge of any kind.</summary>
    public Task ChangedAsync(CancellationToken cancellation) => _changed.WaitAsync(cancellation);

    /// <summary>Called by the reactor's thread alone. A hang-up wakes both: it ends what they wait for.</summary>
    public void Report(uint events)
    {
        const uint over = Linux.EPOLLHUP | Linux.EPOLLRDHUP | Linux.EPOLLERR;
        if ((events & (Linux.EPOLLHUP | Linux.EPOLLRDHUP)) != 0) HungUp?.Invoke();
        _changed.Report();
        if ((events & (Linux.EPOLLOUT | over)) != 0) _writable.Report();
        if ((events & (Linux.EPOLLIN | over)) != 0) _readable.Report();
    }
}
