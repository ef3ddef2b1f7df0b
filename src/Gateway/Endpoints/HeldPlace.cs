namespace VmCacheCluster.Gateway.Endpoints;

/// <summary>A place in something that is bounded. Disposing it gives the place back, once.</summary>
internal sealed class HeldPlace(Action giveBack) : IDisposable
{
    private int _given;

    public void Dispose()
    {
        if (Interlocked.Exchange(ref _given, 1) == 0) giveBack();
    }
}
