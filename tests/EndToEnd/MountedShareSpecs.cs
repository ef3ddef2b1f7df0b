using VmCacheCluster.Client;
using VmCacheCluster.Contracts.V1;
using VmCacheCluster.Tests.EndToEnd.Support;
using VmCacheCluster.Tests.TestSupport;

namespace VmCacheCluster.Tests.EndToEnd;

/// <summary>What a client has mounted below its VM's share is the host's, and outlives the VM.</summary>
[Trait("Category", "Fake")]
public sealed class MountedShareSpecs : HouseSpecs
{
    [SkippableFact]
    public async Task Keeps_what_is_mounted_below_the_share_when_the_vm_is_released()
    {
        var (daemon, vm) = await LeasedAsync();
        var files = MountRootfs(vm);

        await CliRun.SucceedingAsync(House.Endpoint, "release", vm.Id, "--token", vm.Token);

        AssertAll(files);
        Assert.Empty(Mounts.Below(House.RunDirectory));
        await daemon.WarmAsync();
        House.AssertNoVmLeft((await daemon.ReadyAsync()).Pools[0].Vms.Select(v => v.Id).ToArray());
    }

    [SkippableFact]
    public async Task Keeps_what_is_mounted_below_the_share_when_the_vms_qemu_is_killed()
    {
        var (daemon, vm) = await LeasedAsync();
        var files = MountRootfs(vm);

        await Processes.KillAsync(vm.Vm.Pid);

        await daemon.UntilAsync(s => s.Pools[0].Vms.All(v => v.Id != vm.Id), "the killed VM is gone");
        AssertAll(files);
        Assert.Empty(Mounts.Below(House.RunDirectory));
    }

    [SkippableFact]
    public async Task Keeps_what_is_mounted_below_the_share_when_the_next_daemon_ends_the_vm()
    {
        var (daemon, vm) = await LeasedAsync();
        var files = MountRootfs(vm);
        await daemon.KillAsync();
        await Processes.KillAsync(vm.Vm.Pid);

        var next = House.Start(House.Fakes(1));

        await next.WarmAsync();
        await Eventually.Async(() => !House.VmDirectories().Contains(vm.Id), "the directories of the VM are gone");
        AssertAll(files);
        Assert.Empty(Mounts.Below(House.RunDirectory));
    }

    [SkippableFact]
    public async Task Tells_why_an_end_cannot_be_completed_and_completes_it_when_the_obstacle_is_gone()
    {
        var (daemon, vm) = await LeasedAsync();
        var file = Path.Combine(vm.Share, "box", "kept");
        Directory.CreateDirectory(Path.GetDirectoryName(file)!);
        File.WriteAllText(file, "");
        House.AtEnd(() => HostTool.RunAsync("chattr", "-f", "-i", file).GetAwaiter().GetResult());
        var cannot = await HostTool.RunAsync("chattr", "+i", file);
        Skip.If(cannot is not null, $"no file can be made immutable here: {cannot}");

        var release = await CliRun.Async(House.Endpoint, "release", vm.Id, "--token", vm.Token);
        var again = await CliRun.Async(House.Endpoint, "release", vm.Id, "--token", vm.Token);

        Assert.All(new[] { release, again }, run =>
        {
            Assert.Equal((6, ""), (run.ExitCode, run.Out));
            Assert.Contains("its end cannot be completed", run.Error, StringComparison.Ordinal);
            Assert.Contains($"chattr -ia {file}", run.Error, StringComparison.Ordinal);
        });
        Assert.False(Processes.IsAlive(vm.Vm.Pid));
        var status = (await CliRun.SucceedingAsync(House.Endpoint, "status")).Out;
        var row = Assert.Single(status.Split('\n'), line => line.StartsWith(vm.Id, StringComparison.Ordinal));
        Assert.Contains("stopping", row, StringComparison.Ordinal);
        Assert.Contains($"{file} cannot be removed: Operation not permitted", row, StringComparison.Ordinal);
        Assert.Single(status.Split('\n'), line => !line.StartsWith(vm.Id, StringComparison.Ordinal) && line.Contains(file, StringComparison.Ordinal));

        await daemon.KillAsync();
        var next = House.Start(House.Fakes(1));
        await next.PoolAsync(p => p.Vms.Any(v => v.Id == vm.Id && v.State == VmState.Stopping && v.Obstacle.Contains(file, StringComparison.Ordinal)), "the next daemon tells too");
        Assert.Null(await HostTool.RunAsync("chattr", "-i", file));

        await next.PoolAsync(p => p.Warm == 1 && p.Vms.All(v => v.Id != vm.Id), "the VM is gone");
        Assert.Single(next.Log.Split('\n'), line => line.Contains("cannot be completed", StringComparison.Ordinal));
        House.AssertNoVmLeft((await next.ReadyAsync()).Pools[0].Vms.Select(v => v.Id).ToArray());
    }

    private async Task<(DaemonProcess Daemon, LeasedVm Vm)> LeasedAsync()
    {
        Skip.If(Mounts.Refusal is not null, $"nothing can be mounted here: {Mounts.Refusal}");
        House.AtEnd(() => Mounts.DetachBelow(House.RunDirectory));
        var daemon = House.Start(House.Fakes(1));
        await daemon.WarmAsync();
        return (daemon, await daemon.Client.AcquireAsync("default", new AcquireOptions { AutomaticRenewal = false }));
    }

    /// <summary>As Kata mounts a container's root: a directory of the host's, of the same file system, and a file of it by itself.</summary>
    /// <returns>The files of the host's.</returns>
    private string[] MountRootfs(LeasedVm vm)
    {
        var host = Directory.CreateDirectory(House.At("host")).FullName;
        Directory.CreateDirectory(Path.Combine(host, "etc"));
        string[] files = [Path.Combine(host, "etc", "passwd"), Path.Combine(host, "data")];
        foreach (var file in files) File.WriteAllText(file, "the host's");
        var (rootfs, resolv) = (Path.Combine(vm.Share, "box", "rootfs"), Path.Combine(vm.Share, "resolv.conf"));
        Directory.CreateDirectory(rootfs);
        File.WriteAllText(resolv, "");
        Mounts.Bind(host, rootfs);
        Mounts.Bind(files[1], resolv);
        return files;
    }

    private static void AssertAll(IEnumerable<string> files)
        => Assert.All(files, file => Assert.Equal("the host's", File.Exists(file) ? File.ReadAllText(file) : "deleted"));
}
