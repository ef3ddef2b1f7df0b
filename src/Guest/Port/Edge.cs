namespace VmCacheCluster.Guest.Port;

/// <summary>An edge, remembered until somebody waits for it, and one that waits.</summary>
/// <param name="goesOnHere">Whoever waited goes on on the thread that reports the edge, and is expected not to keep it:
/// another one would have to be woken first.</param>
internal sealed class Edge(bool goesOnHere)
{
    private readonly Lock _gate = new();
    private TaskCompletionSource? _waiting;
    private CancellationToken _cancellation;
    private CancellationTokenRegistration _registration;
    private bool _seen;

    /// <summary>Waits for the next edge, or takes the one that was. One at a time.</summary>
    public Task WaitAsync(CancellationToken cancellation)
    {
        Follow(cancellation);
        lock (_gate)
        {
            if (cancellation.IsCancellationRequested) return Task.FromCanceled(cancellation);
            if (_seen)
            {
                _seen = false;
                return Task.CompletedTask;
            }

            _waiting = new TaskCompletionSource(goesOnHere ? TaskCreationOptions.None : TaskCreationOptions.RunContinuationsAsynchronously);
            return _waiting.Task;
        }
    }

    public void Report()
    {
        TaskCompletionSource? waiting;
        lock (_gate)
        {
            waiting = _waiting;
            _waiting = null;
            _seen = waiting is null;
        }

        waiting?.SetResult();
    }

    /// <summary>Registered once for a token that many waits have in common.</summary>
    private void Follow(CancellationToken cancellation)
    {
        if (cancellation == _cancellation) return;
        _registration.Dispose();
        _cancellation = cancellation;
        _registration = cancellation.UnsafeRegister(static edge => ((Edge)edge!).Cancel(), this);
    }

    private void Cancel()
    {
        TaskCompletionSource? waiting;
        lock (_gate)
        {
            waiting = _waiting;
            _waiting = null;
        }

        waiting?.SetCanceled(_cancellation);
    }
}
