using Akka.Actor;
using VmCacheCluster.Actors.Gateway;
using VmCacheCluster.Actors.Node;
using VmCacheCluster.Domain;
using VmCacheCluster.Domain.Ports;
using VmCacheCluster.Tests.TestSupport.Fakes;

namespace VmCacheCluster.Tests.Actors;

public class RolloutSpecs : NodeFixture
{
    private static readonly VmFailure Broken = new(VmFailureKind.Boot, "no root device");

    [Fact]
    public async Task Replaces_every_vm_and_is_never_below_its_target()
    {
        await StartAsync(Pool(number: 3));
        var before = (await UntilAsync(p => p.Warm == 3)).Vms.Select(v => v.Id).ToHashSet();
        var fewest = int.MaxValue;
        var most = 0;
        Hypervisor.Script = (_, step, _) =>
        {
            if (step == VmStep.Create) (fewest, most) = (Math.Min(fewest, Hypervisor.Alive.Count()), Math.Max(most, Hypervisor.Alive.Count()));
            return Task.CompletedTask;
        };

        await ApplyAsync(Other(Pool(number: 3)));

        var pool = await UntilAsync(p => p is { Warm: 3, Warming: 0, Rollout: "" } && p.Vms.Count == 3 && p.Vms.All(v => v.Spec.Kernel == "/k2"));
        Assert.DoesNotContain(pool.Vms, v => before.Contains(v.Id));
        Assert.Equal(SpecRevision.Of(Other(Pool()).Spec), pool.Revision);
        Assert.Equal(3, fewest);
        // A quarter of three, rounded up, and one whose process is still on its way out.
        Assert.InRange(most, 3, 5);
        await UntilAsync(() => Task.FromResult(Rollouts.Ends.ToArray()), ends => ends.SequenceEqual([(PoolName.Default, pool.Revision, (string?)null)]));
    }

    [Fact]
    public async Task Serves_new_vms_before_old_ones_and_old_ones_rather_than_none()
    {
        await StartAsync(1, Pool(number: 2));
        await UntilAsync(p => p.Warm == 2);
        var second = new TaskCompletionSource();
        var made = 0;
        Hypervisor.Script = (spec, step, cancel) => step == VmStep.Create && spec.Kernel == "/k2" && ++made > 1 ? second.Task.WaitAsync(cancel) : Task.CompletedTask;

        await ApplyAsync(Other(Pool(number: 2)));
        await UntilAsync(p => p.Vms.Count(v => v.Life.Phase == VmPhase.Warm && v.Spec.Kernel == "/k2") == 1 && p.Rollout.Contains("1 of 2 are warm, 1 of the old ones"));

        Assert.Equal("/k2", (await TakeAsync()).Facts.Spec.Kernel);
        Assert.Equal("/k", (await TakeAsync()).Facts.Spec.Kernel);
        second.SetResult();
        await UntilAsync(p => p is { Warm: 2, Leased: 2, Rollout: "" });
    }

    [Fact]
    public async Task Goes_back_by_itself_when_new_vms_cannot_be_made()
    {
        await StartAsync(Pool(number: 2));
        var before = (await UntilAsync(p => p.Warm == 2)).Vms.Select(v => v.Id).ToHashSet();
        Hypervisor.Script = (spec, step, _) => step == VmStep.Agent && spec.Kernel == "/k2" ? throw new VmFailedException(Broken) : Task.CompletedTask;

        await ApplyAsync(Other(Pool(number: 2)));
        await PassFailuresAsync(1);

        var pool = await UntilAsync(p => p.Rollout.Contains("was undone"));
        Assert.Contains("3 VMs of it in a row could not be made", pool.Rollout);
        Assert.Contains("no root device", pool.Rollout);
        Assert.Equal(SpecRevision.Of(Spec), pool.Revision);
        pool = await UntilAsync(p => p is { Warm: 2, Warming: 0, Reason: "" });
        Assert.Equal(before, pool.Vms.Where(v => v.Life.Phase == VmPhase.Warm).Select(v => v.Id).ToHashSet());
        Assert.Equal("/k", (await TakeAsync()).Facts.Spec.Kernel);
        await UntilAsync(p => p is { Warm: 2, Leased: 1 } && p.Vms.All(v => v.Spec.Kernel == "/k"));
        await UntilAsync(() => Task.FromResult(Rollouts.Ends.ToArray()), ends => ends.Length == 1 && ends[0].Undone!.Contains("no root device"));
    }

    [Fact]
    public async Task Goes_back_by_itself_when_no_new_vm_becomes_warm_in_time()
    {
        await StartAsync(Pool(number: 1, with: p => p with { BootTimeout = TimeSpan.FromHours(9) }));
        await UntilAsync(p => p.Warm == 1);
        Hypervisor.Script = (spec, step, cancel) => step == VmStep.Agent && spec.Kernel == "/k2" ? Never(cancel) : Task.CompletedTask;
        await ApplyAsync(Other(Pool(number: 1, with: p => p with { BootTimeout = TimeSpan.FromHours(9) })));
        await UntilAsync(p => p.Warming == 1);

        Time.Advance(TimeSpan.FromMinutes(9));
        Assert.Contains("0 of 1 are warm", (await PoolAsync()).Rollout);
        Time.Advance(TimeSpan.FromMinutes(1));

        var pool = await UntilAsync(p => p.Rollout.Contains("was undone") && p is { Warm: 1, Warming: 0 });
        Assert.Contains("no VM of it became warm for 600 s", pool.Rollout);
        await UntilAsync(p => p.Vms.Count == 1);
    }

    [Fact]
    public async Task Goes_back_by_itself_when_the_template_of_new_vms_cannot_be_made()
    {
        Templates.Stored = FakeTemplates.Some();
        static PoolOptions Cloned(PoolOptions pool) => pool with { Refill = RefillChoice.Clone };
        await StartAsync(Pool(number: 1, with: Cloned));
        await UntilAsync(p => p.Warm == 1);
        Templates.Stored = null;
        Templates.Making = (_, _) => Task.FromException(new VmFailedException(Broken));

        await ApplyAsync(Other(Pool(number: 1, with: Cloned)));

        var pool = await UntilAsync(p => p.Rollout.Contains("was undone"));
        Assert.Contains("its template could not be made", pool.Rollout);
        Assert.Equal(SpecRevision.Of(Spec), pool.Revision);
    }

    [Fact]
    public async Task Expects_nothing_of_a_pool_that_is_cordoned_or_drained()
    {
        await StartAsync(Pool(number: 1));
        await UntilAsync(p => p.Warm == 1);
        await AskVmAsync(new CordonNode(true));
        await ApplyAsync(Other(Pool(number: 1)));

        Time.Advance(TimeSpan.FromMinutes(10));
        Assert.Contains("0 of 1 are warm, 1 of the old ones", (await UntilAsync(p => p.Rollout.Length > 0)).Rollout);
        await AskVmAsync(DrainNode.Instance);
        Time.Advance(TimeSpan.FromMinutes(10));
        await UntilAsync(p => p.Vms.Count == 0);

        await AskVmAsync(new CordonNode(false));
        await UntilAsync(p => p is { Warm: 1, Rollout: "" } && p.Vms.All(v => v.Spec.Kernel == "/k2"));
    }

    [Fact]
    public async Task Goes_on_with_what_was_begun_when_its_actor_restarts()
    {
        await StartAsync(Pool(number: 1));
        await UntilAsync(p => p.Warm == 1);
        Hypervisor.Script = (spec, step, _) => step == VmStep.Agent && spec.Kernel == "/k2" ? throw new VmFailedException(Broken) : Task.CompletedTask;
        await ApplyAsync(Other(Pool(number: 1)));
        await UntilAsync(p => p.Rollout.Contains("the last 1 could not be made"));

        (await Sys.ActorSelection(Node.Path / "pool-default").ResolveOne(TimeSpan.FromSeconds(5))).Tell(Kill.Instance);
        await UntilAsync(p => p.Events.Any(e => e.What.StartsWith("the pool recovered", StringComparison.Ordinal)));
        await PassFailuresAsync(2);

        Assert.Equal(SpecRevision.Of(Spec), (await UntilAsync(p => p.Rollout.Contains("was undone"))).Revision);
        await UntilAsync(p => p.Warm == 1 && p.Vms.All(v => v.Spec.Kernel == "/k" || v.Life.Ended));
    }

    [Fact]
    public async Task Takes_another_size_at_once()
    {
        await StartAsync(Pool(number: 1));
        await UntilAsync(p => p.Warm == 1);

        await ApplyAsync(Pool(number: 3));
        var pool = await UntilAsync(p => p is { Warm: 3, Target: 3, Rollout: "" });
        await ApplyAsync(Pool(number: 1));

        Assert.Single((await UntilAsync(p => p is { Warm: 1, Target: 1 } && p.Vms.Count == 1)).Vms, v => pool.Vms.Any(w => w.Id == v.Id));
        Assert.Empty(Rollouts.Ends);
    }

    [Fact]
    public async Task Opens_a_pool_that_is_new_and_closes_one_that_is_gone_but_for_what_is_leased()
    {
        await StartAsync(Pool(number: 1));
        await ApplyAsync(Pool(number: 1), Pool("web", 2));
        await UntilAsync(p => p.Warm == 2, "web");
        var leased = Assert.IsType<BaseVmGranted>(await AskAsync(AcquireV1() with { Pool = new PoolName("web") }));

        await ApplyAsync(Pool(number: 1));

        var web = await UntilAsync(p => p is { Warm: 0, Leased: 1, Retired: true } && p.Vms.Count == 1, "web");
        Assert.StartsWith("it was deleted", web.Reason);
        var refused = Assert.IsType<AcquireRefused>(await AskAsync(AcquireV1() with { Pool = new PoolName("web") }));
        Assert.Contains("it was deleted", refused.Reason);
        Assert.IsType<VmReleased>(await AskVmAsync(new ReleaseVm(leased.Facts.Id, leased.Lease!.Record.Token)));
        await UntilAsync(LookAsync, node => node.Pools.Count == 1);

        await ApplyAsync(Pool(number: 1), Pool("web", 1));
        await UntilAsync(p => p is { Warm: 1, Retired: false, Reason: "" }, "web");
    }

    [Fact]
    public async Task Applies_what_it_was_told_before_it_had_looked_at_its_vms()
    {
        var looked = new TaskCompletionSource();
        Hypervisor.Finding = () => looked.Task;
        await StartAsync(Pool(number: 1));
        var first = Gateway.Ask<PoolsApplied>(new ApplyPools([Pool(number: 2)]), TimeSpan.FromSeconds(20));
        var second = Gateway.Ask<PoolsApplied>(new ApplyPools([Pool(number: 3)]), TimeSpan.FromSeconds(20));
        await first;

        looked.SetResult();

        await second;
        await UntilAsync(p => p is { Warm: 3, Target: 3 });
    }

    private static PoolOptions Other(PoolOptions pool) => pool with { Spec = pool.Spec with { Kernel = "/k2" } };

    private Task ApplyAsync(params PoolOptions[] pools) => AskVmAsync(new ApplyPools(pools));

    /// <summary>Lets time pass from one failure to the next, until none is missing.</summary>
    private async Task PassFailuresAsync(int from)
    {
        for (var i = from; i < Rollout.MostFailures; i++)
        {
            await UntilAsync(p => p.Rollout.Contains($"the last {i} could not be made"));
            Time.Advance(TimeSpan.FromSeconds(61));
        }
    }
}
