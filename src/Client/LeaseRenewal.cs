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

    private readonly LeaseCall renew;
    private readonly TimeProvider time;
    private readonly CancellationTokenSource stop = new();
    private readonly CancellationTokenSource lost = new();
    private readonly SemaphoreSlim oneAtATime = new(1, 1);
    private readonly Task running;
    private VmCacheException? lostBecause;
    private Known known;

    /// <param name="acquired">The <see cref="TimeProvider"/>'s timestamp of a moment before the lease began.</param>
    internal LeaseRenewal(Lease lease, long acquired, TimeProvider time, LeaseCall renew)
    {
        (this.renew, this.time) = (renew, time);
        known = new Known(lease, acquired, null);
        Lost = lost.Token;
        running = RunAsync();
    }

    /// <summary>Renews once.</summary>
    /// <param name="ttl">Null: the one asked for at acquire.</param>
    /// <param name="limit">For the answer.</param>
    internal delegate Task<Lease> LeaseCall(TimeSpan? ttl, TimeSpan limit, CancellationToken cancel);

    /// <summary>As it was last renewed.</summary>
    internal Lease Lease => Volatile.Read(ref known).Lease;

    /// <summary>Fires when the lease is gone; outlives this.</summary>
    internal CancellationToken Lost { get; }

    /// <summary>Why; null while it is not.</summary>
    internal VmCacheException? LostBecause => Volatile.Read(ref lostBecause);

    /// <summary>Renews now, and from then on with this TTL.</summary>
    /// <param name="ttl">Null: the one asked for at acquire.</param>
    /// <exception cref="VmCacheException">The lease has ended, the TTL is refused, or the node did not answer.</exception>
    internal async Task RenewAsync(TimeSpan? ttl, CancellationToken cancel)
    {
        try
        {
            await OnceAsync(_ => ttl, cancel).ConfigureAwait(false);
        }
        catch (VmCacheException fault) when (fault.Code is StatusCode.NotFound or StatusCode.FailedPrecondition)
        {
            await LoseAsync(fault).ConfigureAwait(false);
            throw;
        }
    }

    /// <summary>Renews no more; a lease that is left alone is not lost by that. Never fails.</summary>
    public async ValueTask DisposeAsync()
    {
        await stop.CancelAsync().ConfigureAwait(false);
        await running.ConfigureAwait(false);
    }

    private async Task RunAsync()
    {
        try
        {
            await KeepAsync().ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
        }
        catch (VmCacheException fault)
        {
            await LoseAsync(fault).ConfigureAwait(false);
        }
        catch (Exception fault)
        {
            await LoseAsync(new VmCacheException(
                StatusCode.Internal, Reasons.BadAnswer, $"the lease is renewed no more: {fault.Message}", fault)).ConfigureAwait(false);
        }
    }

    /// <exception cref="VmCacheException">The lease has ended.</exception>
    private async Task KeepAsync()
    {
        var seen = known;
        var pause = First(seen.Lease);
        while (true)
        {
            if (await PauseAsync(seen, pause).ConfigureAwait(false))
            {
                try
                {
                    await OnceAsync(now => now.Wish, stop.Token).ConfigureAwait(false);
                }
                catch (VmCacheException fault) when (!IsFinal(fault.Code))
                {
                    seen = Volatile.Read(ref known);
                    pause = Shortest(Longest(Shortest(seen.Ttl / 10, LongestPause), ShortestPause), Longest(Left(seen), TimeSpan.Zero));
                    continue;
                }
            }

            seen = Volatile.Read(ref known);
            pause = seen.Ttl / 3;
        }
    }

    /// <returns>False: the lease was renewed meanwhile.</returns>
    private async Task<bool> PauseAsync(Known seen, TimeSpan pause)
    {
        using var over = CancellationTokenSource.CreateLinkedTokenSource(stop.Token);
        var first = await Task.WhenAny(Task.Delay(pause, time, over.Token), seen.Renewed).ConfigureAwait(false);
        await over.CancelAsync().ConfigureAwait(false);
        stop.Token.ThrowIfCancellationRequested();
        return first != seen.Renewed;
    }

    /// <summary>One renewal at a time: an older answer never replaces a newer one.</summary>
    private async Task OnceAsync(Func<Known, TimeSpan?> wish, CancellationToken cancel)
    {
        await oneAtATime.WaitAsync(cancel).ConfigureAwait(false);
        try
        {
            var before = known;
            var left = Left(before);
            if (left <= TimeSpan.Zero)
            {
                throw LostBecause ?? new VmCacheException(
                    StatusCode.FailedPrecondition, Reasons.LeaseExpired, "the lease could not be renewed before it expired");
            }

            var (sent, ttl) = (time.GetTimestamp(), wish(before));
            var next = await renew(ttl, Shortest(left, LongestCall), cancel).ConfigureAwait(false);
            Volatile.Write(ref known, new Known(next, sent, ttl));
            before.Replace();
        }
        finally
        {
            oneAtATime.Release();
        }
    }

    private TimeSpan Left(Known now) => now.Ttl - time.GetElapsedTime(now.Sent);

    /// <summary>The first renewal also confirms that the VM arrived, for which there may be less time.</summary>
    private static TimeSpan First(Lease lease)
    {
        var ttl = lease.Ttl.ToTimeSpan();
        return lease.ConfirmBefore is not null && lease.GracePeriod is { } grace ? Shortest(ttl, grace.ToTimeSpan()) / 3 : ttl / 3;
    }

    private async Task LoseAsync(VmCacheException why)
    {
        if (stop.IsCancellationRequested || Interlocked.CompareExchange(ref lostBecause, why, null) is not null)
        {
            return;
        }

        try
        {
            await lost.CancelAsync().ConfigureAwait(false);
        }
        catch (AggregateException)
        {
            // What the holder does when it is told is the holder's own; nobody is here to be told of it.
        }
    }

    private static bool IsFinal(StatusCode code)
        => code is StatusCode.NotFound or StatusCode.FailedPrecondition or StatusCode.InvalidArgument or StatusCode.Unimplemented;

    private static TimeSpan Shortest(TimeSpan a, TimeSpan b) => a < b ? a : b;

    private static TimeSpan Longest(TimeSpan a, TimeSpan b) => a > b ? a : b;

    /// <param name="lease">As it was last renewed.</param>
    /// <param name="sent">The timestamp of a moment before that.</param>
    /// <param name="wish">The TTL that was asked for; null: none.</param>
    private sealed class Known(Lease lease, long sent, TimeSpan? wish)
    {
        private readonly TaskCompletionSource renewed = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public Lease Lease { get; } = lease;
        public TimeSpan Ttl { get; } = lease.Ttl.ToTimeSpan();
        public long Sent { get; } = sent;
        public TimeSpan? Wish { get; } = wish;

        /// <summary>Ends when another takes its place.</summary>
        public Task Renewed => renewed.Task;

        public void Replace() => renewed.TrySetResult();
    }
}
