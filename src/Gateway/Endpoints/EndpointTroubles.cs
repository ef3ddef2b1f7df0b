namespace VmCacheCluster.Gateway.Endpoints;

/// <summary>Which of the daemon's sockets cannot be reached now, and why.</summary>
public sealed class EndpointTroubles
{
    private volatile IReadOnlyList<string> _now = [];

    public IReadOnlyList<string> Now
    {
        get => _now;
        set => _now = value;
    }
}
