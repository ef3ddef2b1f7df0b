using VmCacheCluster.Contracts.V1;
using VmCacheCluster.Qmp;
using VmCacheCluster.Tests.EndToEnd.Support;
using VmCacheCluster.Tests.TestSupport;

namespace VmCacheCluster.Tests.EndToEnd;

/// <summary>VMs that were taken by Kata's call.</summary>
[Trait("Category", "Fake")]
public sealed class HeldVmSpecs : HouseSpecs
{
    [Fact]
    public async Task Is_told_with_its_age_and_whether_a_client_is_connected_and_ends_at_the_limit_when_none_is()
    {
        var daemon = House.Start(House.Fakes(1).Replace("accelerator = tcg", "accelerator = tcg\nheld-limit = 2s", StringComparison.Ordinal));
        await daemon.WarmAsync();
        var used = await TakeAsync(daemon);
        await using (await QmpClient.ConnectUnixAsync(used.Qmp, null, CancellationToken.None))
        {
            var left = await TakeAsync(daemon);

            // At the limit of the one that was left, the other one has reached it, too.
            var status = await daemon.PoolAsync(p => p.Vms.All(v => v.Id != left.Id), "the VM that its client left is gone");

            Assert.Contains(status.Pools[0].Events, e => e.Vm == left.Id && e.What.Contains("held-limit (2 s)", StringComparison.Ordinal));
            Assert.False(Processes.IsAlive(left.Pid));
            var vm = Assert.Single(status.Pools[0].Vms, v => v.Id == used.Id);
            Assert.Equal((HeldBy.Kata, true, true), (vm.HeldBy, vm.HasClientConnected, vm.ClientConnected));
            Assert.NotNull(vm.HeldSince);
        }

        await daemon.PoolAsync(p => p.Leased == 0, "the other one is gone, too, as its client has left");
    }

    [Fact]
    public async Task Is_named_by_status_when_its_client_has_left_it()
    {
        var daemon = House.Start(House.Fakes(1));
        await daemon.WarmAsync();
        var vm = await TakeAsync(daemon);
        await daemon.PoolAsync(p => p.Vms.Any(v => v.Id == vm.Id && v is { Confirmed: true, HasClientConnected: true, ClientConnected: false }), "it is confirmed, and nobody connected");

        var run = await CliRun.SucceedingAsync(House.Endpoint, "status");

        Assert.Contains($"held through Kata's call, and no client is connected: {vm.Id} for ", run.Out, StringComparison.Ordinal);
    }

    private static async Task<Vm> TakeAsync(DaemonProcess daemon)
    {
        var vm = await daemon.Client.GetAsync((await daemon.Client.GetBaseVmAsync(HandedOut.Timeout)).Id, HandedOut.Timeout);
        await HandedOut.ResumeAsync(vm);
        return vm;
    }
}
