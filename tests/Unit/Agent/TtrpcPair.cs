using VmCacheCluster.Agent;

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

    public async ValueTask DisposeAsync()
    {
        await Client.DisposeAsync();
        await _stop.CancelAsync();
        await Served.WaitAsync(Generous).ContinueWith(_ => { }, TaskScheduler.Default);
    }
}
