using VmCacheCluster.Contracts.V1;
using VmCacheCluster.Tests.EndToEnd.Support;
using VmCacheCluster.Tests.TestSupport;
using Xunit;

namespace VmCacheCluster.Tests.EndToEnd;

/// <summary>What the systemd unit takes from the daemon, it does not need.</summary>
[Trait("Category", "Qemu")]
[Collection(QemuCollection.Name)]
public sealed class RealUnitSpecs
{
    private static readonly TimeSpan Timeout = TimeSpan.FromMinutes(4);

    [SkippableFact]
    public async Task Serves_with_the_capabilities_that_the_unit_keeps()
    {
        Skip.IfNot(Environment.IsPrivilegedProcess, "root alone has capabilities to take away");
        await using var house = new House { Patience = Timeout };
        var unit = File.ReadAllLines(Path.Combine(Repository.Root, "packaging/systemd/vmcached.service"));
        var kept = unit.Where(l => l.StartsWith("CapabilityBoundingSet=", StringComparison.Ordinal))
            .SelectMany(l => l.Split('=')[1].Split(' ')).Select(c => "+" + c["CAP_".Length..].ToLowerInvariant());
        var daemon = house.StartUnder(
            ["setpriv", "--no-new-privs", "--inh-caps=-all", $"--bounding-set=-all,{string.Join(',', kept)}"], House.RealVms(1, refill: "clone"));
        var status = await daemon.PoolAsync(p => p is { Warm: 1, Warming: 0 } && p.Vms is [{ MadeBy: MadeBy.Clone }], "a clone is warm");
        var vm = status.Pools[0].Vms[0];

        Assert.NotEqual(0u, vm.User);
        Assert.Empty(status.Problems);
        Assert.Equal("1\n", (await CliRun.SucceedingAsync(house.Endpoint, "acquire", "--warm", "require", "--", "nproc")).Out);
        status = await daemon.PoolAsync(p => p is { Warm: 1, Leased: 0, Warming: 0 }, "another one is warm");
        Processes.Signal((int)status.Pools[0].Vms[0].Pid, Processes.Sigkill);
        await daemon.PoolAsync(p => p.Warm == 1 && p.Vms.All(v => v.Id != status.Pools[0].Vms[0].Id), "a killed one is replaced");
    }
}
