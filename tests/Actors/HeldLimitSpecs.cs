using Akka.Actor;
using VmCacheCluster.Actors.Gateway;
using VmCacheCluster.Actors.Vms;
using VmCacheCluster.Domain;
using VmCacheCluster.Domain.Ports;
using VmCacheCluster.Tests.TestSupport.Fakes;

namespace VmCacheCluster.Tests.Actors;

/// <summary>VMs that Kata's client took, and whose client may have failed.</summary>
public class HeldLimitSpecs : NodeFixture
{
    private static readonly TimeSpan Limit = TimeSpan.FromHours(2);

    [Fact]
    public async Task Ends_a_vm_that_katas_client_took_when_nobody_was_connected_at_the_limit()
    {
        await StartAsync(Limited);
        var (left, used) = (await HoldAsync(), await HoldAsync());
        Machine(used).ClientConnected = true;

        Pass(Limit - TimeSpan.FromSeconds(1));
        Assert.Equal(2, (await PoolAsync()).Leased);
        Pass(TimeSpan.FromSeconds(1));

        var pool = await UntilAsync(p => p is { Leased: 1, Warm: 2 } && p.Vms.All(v => v.Id != left));
        Assert.Contains(pool.Vms, v => v.Id == used);
        Assert.False(Hypervisor.Vms[left].Alive);
        Assert.Contains(pool.Events, e => e.Vm == left && e.What.Contains("held-limit") && e.What.Contains("no client was connected"));
    }

    [Fact]
    public async Task Ends_it_later_when_its_client_leaves_after_the_limit()
    {
        await StartAsync(Limited);
        var id = await HoldAsync();
        Machine(id).ClientConnected = true;
        Pass(Limit);
        await UntilAsync(p => p.Warm == 2);

        Machine(id).ClientConnected = false;

        await UntilAsync(() => { Pass(TimeSpan.FromMinutes(1)); return PoolAsync(); }, p => p.Leased == 0);
    }

    [Fact]
    public async Task Counts_on_after_a_restart()
    {
        await StartAsync(Limited);
        var id = await HoldAsync();
        Pass(Limit - TimeSpan.FromMinutes(1));
        await CrashAsync(Limited);
        var view = (await UntilAsync(p => p.Vms.Any(v => v.Id == id && v.Life.Confirmed && v.HeldAt is not null))).Vms.Single(v => v.Id == id);
        Assert.InRange(DateTimeOffset.UtcNow - view.HeldAt!.Value, Limit - TimeSpan.FromMinutes(2), Limit);

        Pass(TimeSpan.FromMinutes(1));

        await UntilAsync(p => p.Leased == 0);
    }

    [Fact]
    public async Task Leaves_leases_and_vms_of_a_pool_without_a_limit_alone()
    {
        await StartAsync(Limited, Pool("free"));
        var lease = await LeaseAsync(Wish(ttl: 36000));
        var renewed = Assert.IsType<LeaseRenewed>(await AskVmAsync(new RenewLease(lease.Facts.Id, lease.Lease!.Record.Token, null)));
        var free = Assert.IsType<BaseVmGranted>(await AskAsync(Acquire("free"))).Facts.Id;
        Machine(free).RunByClient();
        await UntilAsync(p => p.Vms.Any(v => v.Id == free && v.Life.Confirmed), "free");

        Pass(Limit * 2);

        Assert.Equal(1, (await UntilAsync(p => p.Warm == 2)).Leased);
        Assert.Equal(1, (await UntilAsync(p => p.Warm == 2, "free")).Leased);
        Assert.Equal(lease.Facts.Id, renewed.Id);
    }

    private static PoolOptions Limited => Pool(with: p => p with { HeldLimit = Limit });

    private async Task<VmId> HoldAsync()
    {
        var id = (await TakeAsync()).Facts.Id;
        Machine(id).RunByClient();
        await UntilAsync(p => p.Vms.Any(v => v.Id == id && v is { Life.Confirmed: true, HeldAt: not null }));
        return id;
    }

    private void Pass(TimeSpan time)
    {
        Clock.Now = Clock.Now with { SinceBoot = Clock.Now.SinceBoot + time };
        Time.Advance(time);
    }
}
