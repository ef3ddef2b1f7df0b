namespace VmCacheCluster.Actors.Vms;

/// <summary>
/// What a VM's actor holds of the world: the monitor and the agent's channel, each of which takes one client. What an
/// operation brings when the actor has ended already is let go at once; else a successor would find it taken.
/// </summary>
internal sealed class Holdings
{
    private readonly Lock _gate = new();
    private readonly List<IAsyncDisposable> _held = [];
    private bool _over;

    /// <exception cref="OperationCanceledException">The actor has ended: it is let go.</exception>
    public async Task<T> KeepAsync<T>(Task<T> bringing, Func<T, IAsyncDisposable?> what)
    {
        var brought = await bringing.ConfigureAwait(false);
        if (what(brought) is not { } thing) return brought;
        lock (_gate)
        {
            if (!_over)
            {
                _held.Add(thing);
                return brought;
            }
        }

        await thing.DisposeAsync().ConfigureAwait(false);
        throw new OperationCanceledException("its actor has ended");
    }

    /// <summary>Nobody needs it any more.</summary>
    public async Task LetGoAsync(IAsyncDisposable? thing)
    {
        if (thing is null) return;
        lock (_gate) _held.Remove(thing);
        await thing.DisposeAsync().ConfigureAwait(false);
    }

    public async Task LetGoOfAllAsync()
    {
        List<IAsyncDisposable> all;
        lock (_gate)
        {
            _over = true;
            all = [.. _held];
            _held.Clear();
        }

        // The agent's channel before the monitor: the later came the later.
        foreach (var thing in Enumerable.Reverse(all)) await thing.DisposeAsync().ConfigureAwait(false);
    }
}
