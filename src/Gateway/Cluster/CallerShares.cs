using System.Security.Cryptography.X509Certificates;
using VmCacheCluster.Gateway.Endpoints;

namespace VmCacheCluster.Gateway.Cluster;

/// <summary>
/// Bounds the connections of one caller to half of a port's, so that others find a place. Callers are told apart by <see cref="TlsIdentity.IdentityOf"/>.
/// Safe for use by many threads.
/// </summary>
/// <param name="gate">Of the port.</param>
public sealed class CallerShares(ConnectionGate gate, TimeProvider time, ILogger log)
{
    /// <summary>Between two lines in the log.</summary>
    private static readonly TimeSpan Quiet = TimeSpan.FromMinutes(1);

    private readonly Lock _lock = new();
    private readonly KeyedCounts<string> _of = new();
    private long? _toldAt;

    /// <returns>A place, which disposing it gives back; null: the caller has its half.</returns>
    public IDisposable? TryEnter(X509Certificate2 caller)
    {
        var identity = TlsIdentity.IdentityOf(caller);
        int own;
        lock (_lock)
        {
            own = _of.Of(identity);
            if (own < Math.Max(1, gate.Limit / 2))
            {
                _of.Add(identity, 1);
                return new HeldPlace(() =>
                {
                    lock (_lock) _of.Add(identity, -1);
                });
            }

            if (_toldAt is { } told && time.GetElapsedTime(told) < Quiet) return null;
            _toldAt = time.GetTimestamp();
        }

        log.LogWarning(
            "{Caller} has {Own} connections open, and one caller has at most half of max-network-connections: more are closed at once; close idle ones, or raise it",
            TlsIdentity.Name(caller), own);
        return null;
    }
}
