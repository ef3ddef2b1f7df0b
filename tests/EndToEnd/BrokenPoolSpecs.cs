using VmCacheCluster.Tests.EndToEnd.Support;

namespace VmCacheCluster.Tests.EndToEnd;

/// <summary>Each broken pool says why; that none of them leaves anything behind is held when the daemon ends.</summary>
[Trait("Category", "Fake")]
public sealed class BrokenPoolSpecs(BrokenPools pools) : IClassFixture<BrokenPools>
{
    [Theory]
    [InlineData("qemu-missing", "/no/such/qemu", "No such file", "set the pool's qemu")]
    [InlineData("qemu-true", "true did not start", "exited with status 0")]
    [InlineData("qemu-false", "false did not start", "exited with status 1")]
    [InlineData("qemu-hangs", "monitor", "within 3 s")]
    [InlineData("qemu-not-executable", "text", "ermission denied", "set the pool's qemu")]
    [InlineData("kernel-missing", "could not open kernel file '/no/such/kernel'", "No such file", "set the pool's kernel")]
    [InlineData("agent-never", "agent did not answer within 3 s", "Kernel panic - not syncing: VFS", "boot-timeout")]
    [InlineData("agent-garbage", "agent did not answer within 3 s", "boot-timeout")]
    [InlineData("agent-not-serving", "agent did not answer within 3 s", "it does not serve")]
    [InlineData("agent-wrong-version", "agent", "99.0.0")]
    [InlineData("greeting-never", "monitor", "within 3 s")]
    [InlineData("qmp-garbage", "QMP", "no JSON")]
    [InlineData("qmp-oversized", "line", "bytes")]
    [InlineData("exits-at-start", "cannot set up guest memory", "Cannot allocate memory", "fewer VMs, or smaller ones")]
    [InlineData("exits-while-booting", "exited with status 3")]
    [InlineData("panics", "panic", "no init")]
    [InlineData("stop-fails", "the vCPUs are on strike")]
    [InlineData("stop-hangs", "'stop'")]
    public async Task Says_why_it_has_no_vm_when_broken(string name, params string[] words)
    {
        var status = await pools.Daemon.PoolAsync(
            p => Array.TrueForAll(words, w => p.Reason.Contains(w, StringComparison.Ordinal)), $"pool {name} says {string.Join(", ", words)}", name);

        var pool = status.Pools.Single(p => p.Name == name);
        Assert.Equal(0u, pool.Warm);
        Assert.Contains(pool.Events, e => e.What.StartsWith("could not be made", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Serves_from_the_good_pool_when_all_others_are_broken()
    {
        var vm = await pools.Daemon.Client.GetBaseVmAsync(HandedOut.Timeout);
        await HandedOut.AssertAliveAndPausedAsync(await pools.Daemon.Client.GetAsync(vm.Id, HandedOut.Timeout));
        await pools.Daemon.Client.ReleaseAsync(vm.Id, HandedOut.Timeout);
        await pools.Daemon.WarmAsync(BrokenPools.Good);
    }
}
