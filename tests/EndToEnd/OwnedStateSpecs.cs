using VmCacheCluster.Tests.EndToEnd.Support;

namespace VmCacheCluster.Tests.EndToEnd;

/// <summary>Two daemons, and directories of which each can have one owner.</summary>
[Trait("Category", "Fake")]
public sealed class OwnedStateSpecs : HouseSpecs
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)] // reached by another name
    public async Task Refuses_a_run_directory_that_belongs_to_a_daemon_with_another_endpoint(bool linked)
    {
        var owner = House.Start(House.Fakes(1));
        await owner.WarmAsync();
        var vm = await owner.Client.GetBaseVmAsync(HandedOut.Timeout);
        var directory = linked ? House.At("alias") : House.RunDirectory;
        if (linked) Directory.CreateSymbolicLink(directory, House.RunDirectory);

        var second = House.StartAt(House.At("other.sock"), House.Fakes(1), "--run-dir", directory);

        Assert.Equal(75, await second.ExitedAsync());
        Assert.Contains($"run-dir {directory} belongs to a running vmcached (pid {owner.Pid})", second.Log, StringComparison.Ordinal);
        Assert.Equal(vm.Id, (await owner.Client.GetAsync(vm.Id, HandedOut.Timeout)).Id);
    }

    [Fact]
    public async Task Takes_the_directories_of_a_daemon_that_was_killed_while_its_vms_live()
    {
        var killed = House.Start(House.Fakes(1));
        await killed.WarmAsync();
        await killed.KillAsync();

        File.Delete(House.Endpoint);
        await House.StartAt(House.At("other.sock"), House.Fakes(1)).WarmAsync();
    }
}
