using VmCacheCluster.Client;
using VmCacheCluster.Contracts.V1;
using VmCacheCluster.Tests.EndToEnd.Support;
using VmCacheCluster.Tests.TestSupport;

namespace VmCacheCluster.Tests.EndToEnd;

/// <summary>Somebody removes what the daemon has on record of a VM, while it runs and while it does not.</summary>
[Trait("Category", "Fake")]
public sealed class LostRecordSpecs : HouseSpecs
{
    [Fact]
    public async Task Writes_a_lost_record_again_before_it_confirms_a_renewal()
    {
        var settings = House.Fakes(0);
        var first = House.Start(settings);
        var leased = await LeaseAsync(first);
        Directory.Delete(Record(leased.Id), recursive: true);

        await leased.RenewAsync();

        foreach (var file in new[] { "vm.json", "state", "lease.json", "pid" }) Assert.True(File.Exists(Path.Combine(Record(leased.Id), file)), file);
        await first.KillAsync();
        var second = House.Start(settings);
        await second.ReadyAsync();
        Assert.True(Processes.IsAlive((int)leased.Vm.Pid));
    }

    [Fact]
    public async Task Ends_no_vm_whose_record_was_removed_while_no_daemon_ran()
    {
        var settings = House.Fakes(0);
        var first = House.Start(settings);
        var leased = await LeaseAsync(first);
        await first.KillAsync();
        Directory.Delete(Record(leased.Id), recursive: true);

        var second = House.Start(settings);

        await second.ReadyAsync();
        Assert.True(Processes.IsAlive((int)leased.Vm.Pid));
    }

    private string Record(string id) => Path.Combine(House.RunDirectory, "vm", id);

    private static async Task<LeasedVm> LeaseAsync(DaemonProcess daemon)
    {
        await daemon.ReadyAsync();
        return await daemon.Client.AcquireAsync("default", new AcquireOptions { Ttl = TimeSpan.FromMinutes(30), AutomaticRenewal = false });
    }
}
