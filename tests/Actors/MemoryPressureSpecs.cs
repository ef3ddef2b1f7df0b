using VmCacheCluster.Actors.Gateway;
using VmCacheCluster.Domain;
using VmCacheCluster.Tests.TestSupport.Fakes;

namespace VmCacheCluster.Tests.Actors;

/// <summary>What a host does that is short of memory: it makes no VMs, and says so.</summary>
public class MemoryPressureSpecs : NodeFixture
{
    private const long MiB = 1024 * 1024;
    private static readonly HostMemory Plenty = new(10_000 * MiB, 0);
    private static readonly HostMemory Little = new(600 * MiB, 0);

    public MemoryPressureSpecs() => Limits = new MemoryLimits(512 * MiB, 0.1);

    [Fact]
    public async Task Makes_nothing_while_the_host_is_short_of_memory_and_goes_on_when_it_is_not()
    {
        Memory.Now = Little;
        await StartAsync(Pool());

        await UntilAsync(p => p.Reason.StartsWith("the host is short of memory: 600 MiB are available", StringComparison.Ordinal));
        Assert.Empty(Hypervisor.Vms);

        Memory.Now = Plenty;
        await PassAsync(async () => await PoolAsync() is { Warm: 2, Reason: "" });
    }

    [Fact]
    public async Task Hands_out_what_is_warm_and_does_not_refill_when_memory_has_run_short()
    {
        Memory.Now = Plenty;
        await StartAsync(Pool());
        await UntilAsync(p => p is { Warm: 2 });
        Memory.Now = new HostMemory(10_000 * MiB, 0.5);

        await TakeAsync();

        await UntilAsync(p => p is { Warm: 1, Warming: 0 } && p.Reason.Contains("waited for it 50 % of the time", StringComparison.Ordinal));
        Assert.Equal(2, Hypervisor.Vms.Count);
    }

    [Fact]
    public async Task Tells_a_caller_why_when_there_is_no_memory_for_a_vm()
    {
        Memory.Now = Little;
        await StartAsync(Pool(number: 0));
        var caller = Acquire(seconds: 5);
        Gateway.Tell(caller, Akka.Actor.ActorRefs.NoSender);

        await PassAsync(() => Task.FromResult(caller.Ticket.Answer.IsCompleted));

        var refused = Assert.IsType<AcquireRefused>(await caller.Ticket.Answer);

        Assert.Equal(RefusalKind.Exhausted, refused.Kind);
        Assert.Contains("the host is short of memory", refused.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Counts_what_is_being_made_and_has_not_taken_its_memory_yet()
    {
        Hypervisor.Script = (_, _, cancel) => Never(cancel);
        // For two of 304 MiB beside the reserve, not for three.
        Memory.Now = new HostMemory((512 + 700) * MiB, 0);
        await StartAsync(4, Pool(number: 4));

        await UntilAsync(p => p is { Warming: 2 } && p.Reason.Contains("912 MiB are needed for VMs", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Clones_in_one_pool_where_a_boot_of_another_would_need_too_much()
    {
        Templates.Stored = FakeTemplates.Some();
        Memory.Now = Little;

        await StartAsync(4, Pool("boots"), Pool("clones", 1, p => p with { Refill = RefillChoice.Clone }));

        await UntilAsync(p => p is { Warm: 1 }, "clones");
        await UntilAsync(p => p is { Warm: 0, Warming: 0 } && p.Reason.StartsWith("the host is short of memory", StringComparison.Ordinal), "boots");
    }

    [Fact]
    public async Task Says_that_its_template_waits_for_memory()
    {
        Memory.Now = Little;
        await StartAsync(Pool(with: p => p with { Refill = RefillChoice.Clone }));

        await UntilAsync(p => p.Reason.StartsWith("the host is short of memory", StringComparison.Ordinal));
        Assert.Equal(0, Templates.Made);

        Memory.Now = Plenty;
        await PassAsync(async () => await PoolAsync() is { Warm: 2, Reason: "" });
    }

    /// <summary>Time passes until it is so.</summary>
    private Task PassAsync(Func<Task<bool>> condition) => AwaitAssertAsync(async () =>
    {
        Time.Advance(TimeSpan.FromSeconds(1));
        Assert.True(await condition());
    }, TimeSpan.FromSeconds(20));
}
