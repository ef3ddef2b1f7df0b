using Grpc.Core;
using VmCacheCluster.Client;
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
        await AssertQuarantinedAsync(House.Start(settings), leased, "the socket of its monitor is gone");
    }

    [Fact]
    public async Task Confirms_no_renewal_and_no_use_that_it_cannot_record()
    {
        var daemon = House.Start(House.Fakes(0));
        var leased = await LeaseAsync(daemon);
        Directory.Delete(Record(leased.Id), recursive: true);
        File.WriteAllText(Record(leased.Id), "in the way");

        var renewal = await Assert.ThrowsAsync<VmCacheException>(() => leased.RenewAsync());
        var use = await Assert.ThrowsAsync<VmCacheException>(() => leased.RunAsync(["true"]));

        Assert.Equal((StatusCode.Unavailable, StatusCode.Unavailable), (renewal.Code, use.Code));
        Assert.Contains($"the renewal could not be recorded: cannot write {Record(leased.Id)}", renewal.Message, StringComparison.Ordinal);
        Assert.Contains("the use could not be recorded", use.Message, StringComparison.Ordinal);
        Assert.True(Processes.IsAlive((int)leased.Vm.Pid));
        File.Delete(Record(leased.Id));
        await leased.RenewAsync();
        await leased.DisposeAsync();
        House.AssertNoVmLeft();
    }

    /// <summary>Kata's clients never renew.</summary>
    [Fact]
    public async Task Writes_a_lost_record_again_of_a_vm_that_nobody_renews()
    {
        var daemon = House.Start(House.Fakes(0));
        await daemon.ReadyAsync();
        var vm = await daemon.Client.GetAsync((await daemon.Client.GetBaseVmAsync(HandedOut.Timeout)).Id, HandedOut.Timeout);
        await HandedOut.ResumeAsync(vm);
        await daemon.PoolAsync(p => p.Vms.Any(v => v.Confirmed), "it is confirmed");
        Directory.Delete(Record(vm.Id), recursive: true);

        await Eventually.Async(() => File.Exists(Path.Combine(Record(vm.Id), "state")), "its record is there again");

        await Eventually.Async(() => daemon.Log.Contains("cannot be made again", StringComparison.Ordinal), "the log says what is lost");
        await daemon.Client.ReleaseAsync(vm.Id, HandedOut.Timeout);
        House.AssertNoVmLeft();
    }

    [Fact]
    public async Task Ends_no_vm_whose_record_was_removed_while_no_daemon_ran()
    {
        var settings = House.Fakes(0);
        var first = House.Start(settings);
        var leased = await LeaseAsync(first);
        await first.KillAsync();
        Directory.Delete(Record(leased.Id), recursive: true);

        await AssertQuarantinedAsync(House.Start(settings), leased, "its directory is gone");
    }

    /// <summary>It is told of and left alone, until an operator ends it.</summary>
    private async Task AssertQuarantinedAsync(DaemonProcess daemon, LeasedVm vm, string reason)
    {
        await daemon.UntilAsync(s => s.Quarantined.Any(q => q.Id == vm.Id), "it is quarantined");
        Assert.True(Processes.IsAlive((int)vm.Vm.Pid));
        var shown = (await CliRun.SucceedingAsync(House.Endpoint, "status", "-o", "json")).Json.GetProperty("quarantined")[0];
        Assert.Equal((vm.Id, vm.Vm.Pid), (shown.GetProperty("id").GetString(), shown.GetProperty("pid").GetInt64()));
        Assert.Contains(reason, shown.GetProperty("reason").GetString(), StringComparison.Ordinal);
        Assert.Contains($"{vm.Vm.Pid}", (await CliRun.SucceedingAsync(House.Endpoint, "status")).Out, StringComparison.Ordinal);
        var refused = await Assert.ThrowsAsync<VmCacheException>(() => daemon.Client.RenewAsync(vm.Id, vm.Token, null, HandedOut.Timeout));
        Assert.Contains("quarantined", refused.Message, StringComparison.Ordinal);
        Assert.Equal(4, (await CliRun.Async(House.Endpoint, "node", "reap", "ffffffff")).ExitCode);
        Assert.True(Processes.IsAlive((int)vm.Vm.Pid));

        await CliRun.SucceedingAsync(House.Endpoint, "node", "reap", vm.Id[..8]);

        Assert.False(Processes.IsAlive((int)vm.Vm.Pid));
        House.AssertNoVmLeft();
        Assert.Empty((await daemon.Client.GetStatusAsync(HandedOut.Timeout)).Quarantined);
    }

    private string Record(string id) => Path.Combine(House.RunDirectory, "vm", id);

    private static async Task<LeasedVm> LeaseAsync(DaemonProcess daemon)
    {
        await daemon.ReadyAsync();
        return await daemon.Client.AcquireAsync("default", new AcquireOptions { Ttl = TimeSpan.FromMinutes(30), AutomaticRenewal = false });
    }
}
