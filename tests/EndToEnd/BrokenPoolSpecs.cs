using VmCacheCluster.Tests.EndToEnd.Support;

namespace VmCacheCluster.Tests.EndToEnd;

/// <summary>Each broken pool says why; that none of them leaves anything behind is held when the daemon ends.</summary>
[Trait("Category", "Fake")]
public sealed class BrokenPoolSpecs(BrokenPools pools) : IClassFixture<BrokenPools>
{
    [Theory]
    [InlineData("qemu-missing", "/no/such/qemu", "set the pool's qemu")]
    [InlineData("qemu-true", "true did not start", "exited with status 0")]
    [InlineData("qemu-false", "false did not start", "exited with status 1")]
    [InlineData("qemu-hangs", "monitor did not greet within 3 s", "check that the pool's qemu is a QEMU")]
    [InlineData("qemu-not-executable", "text", "executable", "set the pool's qemu")]
    [InlineData("kernel-missing", "/no/such/kernel", "set the pool's kernel")]
    [InlineData("agent-never", "agent did not answer", "Kernel panic - not syncing: VFS", "check that kernel")]
    [InlineData("agent-garbage", "agent did not answer", "does not speak ttRPC")]
    [InlineData("agent-not-serving", "agent did not answer", "it does not serve")]
    [InlineData("agent-wrong-version", "speaks version 99.0.0", "this daemon speaks 0.x")]
    [InlineData("greeting-never", "monitor did not greet within 3 s", "silent")]
    [InlineData("qmp-garbage", "monitor did not greet within 3 s", "is no QMP monitor")]
    [InlineData("qmp-oversized", "monitor did not greet within 3 s", "is no QMP monitor", "4194304")]
    [InlineData("exits-at-start", "cannot set up guest memory", "Cannot allocate memory", "fewer VMs, or smaller ones")]
    [InlineData("exits-while-booting", "exited with status 3")]
    [InlineData("panics", "panic", "no init")]
    [InlineData("stop-fails", "the vCPUs are on strike")]
    [InlineData("stop-hangs", "'stop'", "10 s")]
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
