using VmCacheCluster.Domain;
using VmCacheCluster.Gateway.Endpoints;

namespace VmCacheCluster.Gateway.Templates;

/// <summary>What this host sends of its templates: so much per second, to so many at once.</summary>
/// <param name="bytesPerSecond">Null: as much as goes.</param>
public sealed class SendBudget(long? bytesPerSecond, TimeProvider time)
{
    /// <summary>More would each be slow; who is refused asks another host.</summary>
    public const int MostAtOnce = 4;

    private readonly Lock _lock = new();
    private readonly SendRate _rate = new(bytesPerSecond);
    private int _sending;

    /// <returns>To be disposed when the transfer is over; null: there are too many.</returns>
    public IDisposable? TryBegin()
    {
        lock (_lock)
        {
            if (_sending == MostAtOnce) return null;
            _sending++;
        }

        return new HeldPlace(() =>
        {
            lock (_lock) _sending--;
        });
    }

    /// <summary>Returns when they may be sent.</summary>
    public Task SpendAsync(int bytes, CancellationToken cancel)
    {
        TimeSpan wait;
        lock (_lock) wait = _rate.Spend(bytes, time.GetElapsedTime(0));
        return wait > TimeSpan.Zero ? Task.Delay(wait, time, cancel) : Task.CompletedTask;
    }
}
