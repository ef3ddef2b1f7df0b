using Grpc.Core;
using VmCacheCluster.Actors.Gateway;
using VmCacheCluster.Contracts.V1;
using VmCacheCluster.Domain;
using VmCacheCluster.Tests.TestSupport;

namespace VmCacheCluster.Tests.Unit.Gateway.Services;

public sealed class WatchSpecs
{
    [Fact]
    public async Task Passes_events_on_as_they_come()
    {
        await using var host = await ServiceHost.StartAsync();
        using var call = host.Calls.Watch(new WatchRequest { Pool = "default", Epoch = "e1", AfterSequence = 6 });
        var asked = await AskedAsync(host);
        var view = ServiceHost.View(VmPhase.Warm);

        asked.To.TryWrite(new NodeEvent("e1", 7, ServiceHost.Noon, NodeEventKind.Changed, PoolName.Default, view, "it is warm"));
        asked.To.TryWrite(new NodeEvent("e1", 8, ServiceHost.Noon, NodeEventKind.PoolEvent, PoolName.Default, null, "refilling"));

        Assert.Equal(("default", "e1", 6UL), (asked.Pool?.Value, asked.Epoch, asked.After));
        var changed = await NextAsync(call);
        Assert.Equal(("e1", 7UL, WatchEventKind.Changed, "it is warm"), (changed.Epoch, changed.Sequence, changed.Kind, changed.Reason));
        Assert.Equal((ServiceHost.Id.Value, VmState.Warm, ServiceHost.Noon), (changed.Vm.Id, changed.Vm.State, changed.At.ToDateTimeOffset()));
        var pool = await NextAsync(call);
        Assert.Equal((WatchEventKind.Pool, "default", null), (pool.Kind, pool.Pool, pool.Vm));
    }

    [Fact]
    public async Task Ends_itself_when_the_daemon_stops()
    {
        await using var host = await ServiceHost.StartAsync();
        using var call = host.Calls.Watch(new WatchRequest());
        var asked = await AskedAsync(host);

        host.BeginStop();

        var fault = await Assert.ThrowsAsync<RpcException>(() => NextAsync(call));
        Assert.Equal((StatusCode.Unavailable, "the daemon is stopping"), (fault.StatusCode, fault.Status.Detail));
        await LeftAsync(host, asked);
    }

    [Fact]
    public async Task Tells_a_slow_watcher_to_go_on_later()
    {
        await using var host = await ServiceHost.StartAsync();
        using var call = host.Calls.Watch(new WatchRequest());
        var asked = await AskedAsync(host);

        asked.To.Complete(new InvalidOperationException("full"));

        var fault = await Assert.ThrowsAsync<RpcException>(() => NextAsync(call));
        Assert.Equal(StatusCode.ResourceExhausted, fault.StatusCode);
        Assert.Contains("watch again from the last event seen", fault.Status.Detail);
    }

    [Fact]
    public async Task Says_so_when_a_pool_was_not_heard()
    {
        await using var host = await ServiceHost.StartAsync();
        using var call = host.Calls.Watch(new WatchRequest());
        var asked = await AskedAsync(host);

        asked.To.Complete(new PoolsNotHeardException());

        var fault = await Assert.ThrowsAsync<RpcException>(() => NextAsync(call));
        Assert.Equal(StatusCode.Unavailable, fault.StatusCode);
        Assert.Contains("a pool did not say in time which VMs it has", fault.Status.Detail);
    }

    [Fact]
    public async Task Gives_the_actors_a_bounded_channel()
    {
        await using var host = await ServiceHost.StartAsync();
        using var call = host.Calls.Watch(new WatchRequest());
        var asked = await AskedAsync(host);
        var some = new NodeEvent("e", 1, ServiceHost.Noon, NodeEventKind.Changed, null, null, new string('x', 4096));

        // The watcher reads nothing: after a bound no more is kept for it.
        Assert.Contains(Enumerable.Range(0, 100_000), _ => !asked.To.TryWrite(some));
    }

    [Fact]
    public async Task Is_forgotten_when_the_watcher_leaves()
    {
        await using var host = await ServiceHost.StartAsync();
        var call = host.Calls.Watch(new WatchRequest());
        var asked = await AskedAsync(host);

        call.Dispose();

        await LeftAsync(host, asked);
        Assert.False(asked.To.TryWrite(new NodeEvent("e1", 7, ServiceHost.Noon, NodeEventKind.PoolEvent, PoolName.Default, null, "refilling")));
    }

    private static async Task<WatchEvents> AskedAsync(ServiceHost host)
    {
        await Eventually.Async(() => host.Gateway.Messages.OfType<WatchEvents>().Any(), "the actors are asked");
        return host.Gateway.Only<WatchEvents>();
    }

    private static Task LeftAsync(ServiceHost host, WatchEvents asked)
        => Eventually.Async(() => host.Gateway.Messages.OfType<UnwatchEvents>().Any(u => u.To == asked.To), "the actors are told");

    private static async Task<WatchEvent> NextAsync(AsyncServerStreamingCall<WatchEvent> call)
    {
        Assert.True(await call.ResponseStream.MoveNext(default).WaitAsync(ServiceHost.Patience));
        return call.ResponseStream.Current;
    }
}
