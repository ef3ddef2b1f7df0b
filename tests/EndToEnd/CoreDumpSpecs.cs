using VmCacheCluster.Tests.EndToEnd.Support;
using Xunit;

namespace VmCacheCluster.Tests.EndToEnd;

/// <summary>Memory of a VM, and tokens, are in no file after a process died.</summary>
public sealed class CoreDumpSpecs
{
    [Fact]
    public async Task Is_none()
    {
        await using var house = new House();
        var daemon = house.Start(house.Fakes(1));
        var status = await daemon.PoolAsync(p => p is { Warm: 1, Warming: 0 } && p.Vms.Count == 1, "its VM is warm");

        // 1 is less than any dump takes, and other than 0 it holds for programs that collect dumps, too.
        Assert.All([daemon.Pid, (int)status.Pools[0].Vms[0].Pid], pid => Assert.Contains(LimitOf(pid), new[] { "1 1", "0 0" }));
    }

    private static string LimitOf(int pid)
    {
        const string name = "Max core file size";
        var values = File.ReadAllLines($"/proc/{pid}/limits").Single(line => line.StartsWith(name, StringComparison.Ordinal))[name.Length..];
        return string.Join(' ', values.Split(' ', StringSplitOptions.RemoveEmptyEntries)[..2]);
    }
}
