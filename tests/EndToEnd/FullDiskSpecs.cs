using VmCacheCluster.Tests.EndToEnd.Support;
using VmCacheCluster.Tests.TestSupport;

namespace VmCacheCluster.Tests.EndToEnd;

[Trait("Category", "Fake")]
[Collection(AloneCollection.Name)]
public sealed class FullDiskSpecs : HouseSpecs
{
    [SkippableFact]
    public async Task Does_not_start_and_says_why_when_the_run_directory_is_full()
    {
        await MountSmallAsync();
        Fill();

        var daemon = House.Start(House.Fakes(1));

        Assert.NotEqual(0, await daemon.ExitedAsync());
        Assert.Contains("No space left on device", daemon.Log, StringComparison.Ordinal);
        Assert.Contains(House.RunDirectory, daemon.Log, StringComparison.Ordinal);
        House.AssertNothingLeft();
    }

    [SkippableFact]
    public async Task Says_why_while_the_disk_is_full_and_heals_when_there_is_space()
    {
        await MountSmallAsync();
        var daemon = House.Start(House.Fakes(2));
        await daemon.WarmAsync();
        var filler = Fill();

        await daemon.Client.GetBaseVmAsync(HandedOut.Timeout);
        var status = await daemon.PoolAsync(p => p.Reason.Contains("No space left on device", StringComparison.Ordinal), "the full disk is told of");

        Assert.Contains("free space on that file system", status.Pools[0].Reason, StringComparison.Ordinal);
        Assert.Equal(1u, status.Pools[0].Warm);
        File.Delete(filler);
        await daemon.WarmAsync();
    }

    private async Task MountSmallAsync()
    {
        Directory.CreateDirectory(House.RunDirectory);
        var refusal = await HostTool.RunAsync("mount", "-t", "tmpfs", "-o", "size=512k,mode=700", "tmpfs", House.RunDirectory);
        Skip.If(refusal is not null, $"a small file system cannot be mounted here: {refusal}");
        House.AtEnd(() => HostTool.RunAsync("umount", "-l", House.RunDirectory).GetAwaiter().GetResult());
    }

    /// <returns>The file that takes all the space.</returns>
    private string Fill()
    {
        var path = Path.Combine(House.RunDirectory, "filler");
        using var file = File.Create(path, bufferSize: 0);
        var block = new byte[4096];
        try
        {
            while (true) file.Write(block);
        }
        catch (IOException)
        {
            return path;
        }
    }
}
