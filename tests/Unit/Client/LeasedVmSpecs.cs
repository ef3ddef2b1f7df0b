using VmCacheCluster.Actors.Gateway;
using VmCacheCluster.Client;
using VmCacheCluster.Contracts.V1;
using VmCacheCluster.Domain;
using VmCacheCluster.Tests.TestSupport;
using VmCacheCluster.Tests.Unit.Gateway.Services;

namespace VmCacheCluster.Tests.Unit.Client;

public sealed class LeasedVmSpecs
{
    [Fact]
    public async Task Is_acquired_run_in_and_released_when_disposed()
    {
        var guest = new ScriptedGuest();
        guest.Print("2\n");
        guest.Exit(3);
        await using var host = await ServiceHost.StartAsync();
        host.PlayPool(guest);

        await using (var vm = await host.Client.AcquireAsync())
        {
            Assert.Equal((ServiceHost.Id.Value, ServiceHost.Token, 2, 512), (vm.Id, vm.Token, vm.Cpus, vm.MemoryMiB));
            Assert.Equal(("resume", TimeSpan.FromMilliseconds(4)), (vm.Timeline[0].Stage, vm.Timeline[0].Took));
            Assert.Equal(new GuestRun(3, "2\n", ""), await vm.RunAsync(["nproc"]));
        }

        Assert.Equal(ServiceHost.Token, host.Gateway.Only<ReleaseVm>().Token?.Value);
    }

    [Fact]
    public async Task Is_disposed_in_silence_when_its_lease_has_ended()
    {
        await using var host = await ServiceHost.StartAsync();
        host.PlayPool(new ScriptedGuest());
        var vm = await host.Client.AcquireAsync();
        host.Gateway.OnMessage = _ => new VmRefused(ServiceHost.Id, RefusalKind.NotFound, "gone");

        await vm.DisposeAsync();

        Assert.Single(host.Gateway.Messages.OfType<ReleaseVm>());
    }

    [Fact]
    public async Task Is_released_once()
    {
        await using var host = await ServiceHost.StartAsync();
        host.PlayPool(new ScriptedGuest());
        var vm = await host.Client.AcquireAsync();

        await vm.ReleaseAsync();
        await vm.ReleaseAsync();
        await vm.DisposeAsync();

        Assert.Single(host.Gateway.Messages.OfType<ReleaseVm>());
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Has_one_expiry_whoever_renews_it(bool automatic)
    {
        await using var host = await ServiceHost.StartAsync();
        host.PlayPool(new ScriptedGuest());
        await using var vm = await host.Client.AcquireAsync("", new AcquireOptions { AutomaticRenewal = automatic });

        await vm.RenewAsync(TimeSpan.FromHours(1));

        Assert.Equal((TimeSpan.FromHours(1), ServiceHost.Noon.AddMinutes(5)), (vm.Ttl, vm.ExpiresAt));
        Assert.Contains(host.Gateway.Messages.OfType<RenewLease>(), r => r.Ttl == TimeSpan.FromHours(1));
    }

    [Fact]
    public async Task Is_watched_on_from_the_last_event_when_the_stream_breaks()
    {
        await using var host = await ServiceHost.StartAsync();
        using var leave = new CancellationTokenSource();
        await using var events = host.Client.WatchAsync("", ("e", 4), leave.Token).GetAsyncEnumerator(leave.Token);

        var first = events.MoveNextAsync();
        var asked = await AskedAsync(host, 1);
        asked.To.TryWrite(new NodeEvent("e", 5, ServiceHost.Noon, NodeEventKind.Changed, PoolName.Default, ServiceHost.View(VmPhase.Warm), ""));
        Assert.True(await first);
        asked.To.Complete(new InvalidOperationException("slow"));
        var second = events.MoveNextAsync();
        var again = await AskedAsync(host, 2);
        again.To.TryWrite(new NodeEvent("f", 1, ServiceHost.Noon, NodeEventKind.Reset, null, null, ""));
        Assert.True(await second);
        Assert.Equal(WatchEventKind.Reset, events.Current.Kind);
        var third = events.MoveNextAsync();
        again.To.Complete(new InvalidOperationException("slow"));
        var anew = await AskedAsync(host, 3);
        await leave.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () => await third);

        Assert.Equal(("e", 4UL), (asked.Epoch, asked.After));
        Assert.Equal(("e", 5UL), (again.Epoch, again.After));
        // The snapshot that follows a reset was cut off.
        Assert.Equal(("", 0UL), (anew.Epoch, anew.After));
    }

    private static async Task<WatchEvents> AskedAsync(ServiceHost host, int times)
    {
        await Eventually.Async(() => host.Gateway.Messages.OfType<WatchEvents>().Count() == times, $"watched for the {times}th time");
        return host.Gateway.Messages.OfType<WatchEvents>().Last();
    }
}
