using VmCacheCluster.Agent;
using VmCacheCluster.Agent.Kata;

namespace VmCacheCluster.Tests.Unit.Agent;

/// <summary>A client and a server over streams in memory.</summary>
internal sealed class TtrpcPair : IAsyncDisposable
{
    public static readonly TimeSpan Generous = TimeSpan.FromSeconds(30);

    private readonly CancellationTokenSource _stop = new();

    public TtrpcPair(TtrpcServer server, TtrpcClientOptions? options = null)
    {
        var (left, right) = DuplexPair.Make();
        Served = server.ServeAsync(right, _stop.Token);
        Client = new TtrpcClient(left, options);
    }

    public TtrpcClient Client { get; }

    public Task<TtrpcEnd> Served { get; }

    /// <summary>
    /// Completes <paramref name="told"/> when a handler's call is cancelled. The registration is not disposed of with the
    /// handler: what it waits for is cancelled first and may let it end before it is this registration's turn.
    /// </summary>
    public static void TellWhenCancelled(CancellationToken cancel, TaskCompletionSource told) => cancel.Register(() => told.TrySetResult());

    /// <summary>A handler that never answers. It completes what it was given when it has begun and when its call is cancelled.</summary>
    public static Func<CheckRequest, CancellationToken, ValueTask<VersionCheckResponse>> Endless(
        TaskCompletionSource? started = null, TaskCompletionSource? cancelled = null) => async (_, cancel) =>
        {
            if (cancelled is not null) TellWhenCancelled(cancel, cancelled);
            started?.SetResult();
            await Task.Delay(Timeout.Infinite, cancel);
            return new VersionCheckResponse();
        };

    public async ValueTask DisposeAsync()
    {
        await Client.DisposeAsync();
        await _stop.CancelAsync();
        await Served.WaitAsync(Generous).ContinueWith(_ => { }, TaskScheduler.Default);
    }
}
