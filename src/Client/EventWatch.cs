using System.Runtime.CompilerServices;
using Grpc.Core;
using VmCacheCluster.Contracts.V1;

namespace VmCacheCluster.Client;

/// <summary>One watcher's events, over as many streams as it takes.</summary>
internal sealed class EventWatch(VmCache.VmCacheClient vms, Func<RpcException, VmCacheException> faultOf, string pool, TimeProvider time)
{
    private static readonly TimeSpan FirstPause = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(5);

    private string epoch = "";
    private ulong sequence;
    private bool watched;

    /// <param name="after">The last event seen; null: none.</param>
    internal async IAsyncEnumerable<WatchEvent> ReadAsync((string Epoch, ulong Sequence)? after, [EnumeratorCancellation] CancellationToken cancel)
    {
        (epoch, sequence) = after ?? ("", 0);
        for (var pause = FirstPause; ; pause = Next(pause))
        {
            using (var call = vms.Watch(new WatchRequest { Pool = pool, Epoch = epoch, AfterSequence = sequence }, new CallOptions(cancellationToken: cancel)))
            {
                while (await MoveNextAsync(call, cancel).ConfigureAwait(false))
                {
                    pause = FirstPause;
                    var seen = call.ResponseStream.Current;
                    Remember(seen);
                    yield return seen;
                }
            }

            await Task.Delay(pause, time, cancel).ConfigureAwait(false);
        }
    }

    /// <returns>False: the stream broke, and it is worth trying again.</returns>
    private async Task<bool> MoveNextAsync(AsyncServerStreamingCall<WatchEvent> call, CancellationToken cancel)
    {
        try
        {
            if (await call.ResponseStream.MoveNext(cancel).ConfigureAwait(false))
            {
                return watched = true;
            }

            return false;
        }
        catch (RpcException) when (cancel.IsCancellationRequested)
        {
            throw new OperationCanceledException(cancel);
        }
        catch (RpcException fault)
        {
            return watched && fault.StatusCode is StatusCode.Unavailable or StatusCode.ResourceExhausted or StatusCode.Internal
                ? false
                : throw faultOf(fault);
        }
    }

    /// <summary>
    /// Between a reset and the first event after it the caller knows only some of the VMs: a stream that breaks there is to
    /// begin anew.
    /// </summary>
    private void Remember(WatchEvent seen) => (epoch, sequence) = seen.Kind switch
    {
        WatchEventKind.Reset or WatchEventKind.Snapshot => ("", 0UL),
        _ => (seen.Epoch, seen.Sequence),
    };

    private static TimeSpan Next(TimeSpan pause) => pause * 2 < LongestPause ? pause * 2 : LongestPause;
}
