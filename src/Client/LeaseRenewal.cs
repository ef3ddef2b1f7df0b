using Grpc.Core;
using VmCacheCluster.Contracts.V1;

namespace VmCacheCluster.Client;

/// <summary>
/// Keeps a lease alive: renews it at a third of its TTL, tries again when that fails, and says when it is lost. Counts by
/// a monotonic clock from the moment a renewal was sent, so that it never believes in a lease that has ended.
/// </summary>
internal sealed class LeaseRenewal : IAsyncDisposable
{
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan LongestCall = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan ShortestPause = TimeSpan.FromMilliseconds(20);

    private readonly Func<TimeSpan, CancellationToken, Task<Lease>> renew;
    private readonly TimeProvider time;
    private readonly CancellationTokenSource stop = new();
    private readonly CancellationTokenSource lost = new();
    private readonly Task running;
    private Lease lease;

    /// <param name="acquired">The <see cref="TimeProvider"/>'s timestamp of a moment before the lease began.</param>
    /// <param name="renew">Renews once, within the time that it is given.</param>
    internal LeaseRenewal(Lease lease, long acquired, TimeProvider time, Func<TimeSpan, CancellationToken, Task<Lease>> renew)
    {
        (this.lease, this.renew, this.time) = (lease, renew, time);
        Lost = lost.Token;
        running = RunAsync(acquired);
    }

    /// <summary>As it was last renewed.</summary>
    internal Lease Lease => Volatile.Read(ref lease);

    /// <summary>Fires when the lease is gone; outlives this.</summary>
    internal CancellationToken Lost { get; }

    /// <summary>Why; null while it is not.</summary>
    internal VmCacheException? LostBecause { get; private set; }

    /// <summary>Renews no more; a lease that is left alone is not lost by that.</summary>
    public async ValueTask DisposeAsync()
    {
        await stop.CancelAsync().ConfigureAwait(false);
        await running.ConfigureAwait(false);
    }

    private async Task RunAsync(long renewed)
    {
        var ttl = lease.Ttl.ToTimeSpan();
        var pause = First(ttl);
        try
        {
            while (true)
            {
                await Task.Delay(pause, time, stop.Token).ConfigureAwait(false);
                var left = ttl - time.GetElapsedTime(renewed);
                if (left <= TimeSpan.Zero)
                {
                    await LoseAsync(null).ConfigureAwait(false);
                    return;
                }

                var sent = time.GetTimestamp();
                try
                {
                    var next = await renew(left < LongestCall ? left : LongestCall, stop.Token).ConfigureAwait(false);
                    (renewed, ttl) = (sent, next.Ttl.ToTimeSpan());
                    Volatile.Write(ref lease, next);
                    pause = ttl / 3;
                }
                catch (VmCacheException fault) when (IsFinal(fault.Code))
                {
                    await LoseAsync(fault).ConfigureAwait(false);
                    return;
                }
                catch (VmCacheException)
                {
                    left = ttl - time.GetElapsedTime(renewed);
                    pause = Shortest(Longest(Shortest(ttl / 10, LongestPause), ShortestPause), Longest(left, TimeSpan.Zero));
                }
            }
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
        }
    }

    /// <summary>The first renewal also confirms that the VM arrived, for which there may be less time.</summary>
    private TimeSpan First(TimeSpan ttl)
        => lease.ConfirmBefore is not null && lease.GracePeriod is { } grace ? Shortest(ttl, grace.ToTimeSpan()) / 3 : ttl / 3;

    private Task LoseAsync(VmCacheException? refused)
    {
        LostBecause = refused ?? new VmCacheException(
            StatusCode.FailedPrecondition, Reasons.LeaseExpired, "the lease could not be renewed before it expired");
        return lost.CancelAsync();
    }

    private static bool IsFinal(StatusCode code)
        => code is StatusCode.NotFound or StatusCode.FailedPrecondition or StatusCode.InvalidArgument or StatusCode.Unimplemented;

    private static TimeSpan Shortest(TimeSpan a, TimeSpan b) => a < b ? a : b;

    private static TimeSpan Longest(TimeSpan a, TimeSpan b) => a > b ? a : b;
}
