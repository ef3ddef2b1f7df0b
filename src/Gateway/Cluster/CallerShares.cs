using VmCacheCluster.Gateway.Endpoints;

namespace VmCacheCluster.Gateway.Cluster;

/// <summary>
/// Lets one caller have at most half of a port's connections, so that others find a place. A caller is the identity of its certificate. Safe for use by
/// many threads.
/// </summary>
/// <param name="gate">Of the port.</param>
public sealed class CallerShares(ConnectionGate gate, TimeProvider time, ILogger log)
{
    /// <summary>Between two lines in the log.</summary>
    private static readonly TimeSpan Quiet = TimeSpan.FromMinutes(1);

    private readonly Lock _lock = new();
    private readonly Dictionary<string, int> _of = [];
    private long? _toldAt;

    /// <param name="identity">See <see cref="TlsIdentity.IdentityOf"/>.</param>
    /// <param name="name">For a person.</param>
    /// <returns>A place, which disposing it gives back; null: the caller has its half.</returns>
    public IDisposable? TryEnter(string identity, string name)
    {
        int own;
        lock (_lock)
        {
            own = _of.GetValueOrDefault(identity);
            if (own < Math.Max(1, gate.Limit / 2))
            {
                _of[identity] = own + 1;
                return new Place(this, identity);
            }

            if (_toldAt is { } told && time.GetElapsedTime(told) < Quiet) return null;
            _toldAt = time.GetTimestamp();
        }

        log.LogWarning(
            "{Caller} has {Own} connections open, and one caller has at most half of max-network-connections: more are closed at once; close idle ones, or raise it",
            name, own);
        return null;
    }

    private void Leave(string identity)
    {
        lock (_lock)
        {
            if (_of[identity] == 1) _of.Remove(identity);
            else _of[identity]--;
        }
    }

    private sealed class Place(CallerShares owner, string identity) : IDisposable
    {
        private int _given;

        public void Dispose()
        {
            if (Interlocked.Exchange(ref _given, 1) == 0) owner.Leave(identity);
        }
    }
}
