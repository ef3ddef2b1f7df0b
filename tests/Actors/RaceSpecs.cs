using Akka.Actor;
using VmCacheCluster.Actors.Gateway;
using VmCacheCluster.Actors.Pools;
using VmCacheCluster.Actors.Vms;
using VmCacheCluster.Domain;
using VmCacheCluster.Domain.Ports;
using VmCacheCluster.Tests.TestSupport.Fakes;

namespace VmCacheCluster.Tests.Actors;

/// <summary>Many callers, by every way there is, while VMs fail in every way there is.</summary>
public class RaceSpecs : NodeFixture
{
    private const int Callers = 60;

    public static TheoryData<int> Seeds => [1, 2, 3, 4, 5, 6];

    [Theory]
    [MemberData(nameof(Seeds))]
    public async Task Answers_every_caller_and_gives_no_vm_to_two_while_vms_end_at_random(int seed)
    {
        var random = new Random(seed);
        var dice = new Lock();
        int Roll(int sides)
        {
            lock (dice) return random.Next(sides);
        }

        Hypervisor.Script = async (_, step, cancel) =>
        {
            if (step is VmStep.Record or VmStep.Prepare or VmStep.SaveLease or VmStep.Resume && Roll(3) == 0) await Task.Yield();
            if (step is VmStep.Prepare && Roll(8) == 0) throw new VmFailedException(new VmFailure(VmFailureKind.Agent, "the agent hangs"));
            if (step is VmStep.Record && Roll(40) == 0) throw new IOException("No space left on device");
        };
        // Everybody is there at once; who finds nothing waits, and boots that fail are not waited for.
        await StartAsync(parallelism: 8, Pool(number: 12, with: p => p with { Backoff = new BackoffOptions(TimeSpan.FromTicks(1), TimeSpan.FromTicks(1), 0) }));
        var door = (await TakeAsync()).Door;
        await UntilAsync(p => p.Warm >= 6);

        using var over = new CancellationTokenSource();
        var harm = Task.Run(async () =>
        {
            while (!over.IsCancellationRequested)
            {
                HarmOne(Roll);
                Time.Advance(TimeSpan.FromTicks(2));
                await Task.Yield();
            }
        });
        var callers = Enumerable.Range(0, Callers).Select(n => n % 3 == 0 ? Acquire() : AcquireV1(Wish(key: n % 3 == 1 ? $"k{n / 6}" : ""))).ToList();
        await Parallel.ForEachAsync(callers, (caller, _) =>
        {
            if (caller.Wish is null) door.Ask(caller);
            else Gateway.Tell(caller, ActorRefs.NoSender);
            return ValueTask.CompletedTask;
        });
        var answers = await Task.WhenAll(callers.Select(c => c.Ticket.Answer)).WaitAsync(TimeSpan.FromSeconds(60));
        await over.CancelAsync();
        await harm;

        var held = callers.Zip(answers).Where(c => c.Second is BaseVmGranted).Select(c => (c.First.Wish?.IdempotencyKey, Vm: ((BaseVmGranted)c.Second).Facts.Id)).ToList();
        Assert.NotEmpty(held);
        // Whoever shares a VM shares its key.
        Assert.All(held.GroupBy(h => h.Vm), vm => Assert.True(vm.Count() == 1 || vm.Select(h => h.IdempotencyKey).Distinct().Single() is { Length: > 0 }, $"{vm.Key}"));
        Assert.All(answers.OfType<AcquireRefused>(), r => Assert.Contains("could not be prepared", r.Reason));
        Hypervisor.Script = (_, _, _) => Task.CompletedTask;
        await UntilAsync(p =>
        {
            Time.Advance(TimeSpan.FromTicks(2));
            return p is { Warm: 12, Warming: 0, Waiting: 0 };
        });
    }

    [Fact]
    public async Task Answers_whoever_waits_for_anything_of_a_pool_that_fails()
    {
        await StartAsync(Pool(number: 1));
        var leased = await LeaseAsync(Wish(key: "k", sandbox: "s"));
        var (id, token) = (leased.Facts.Id, leased.Lease!.Record.Token);
        await UntilAsync(p => p is { Warm: 1, Leased: 1 });
        Hypervisor.Script = (_, step, cancel) => step is VmStep.Prepare or VmStep.Create ? Never(cancel) : Task.CompletedTask;
        var callers = new[] { AcquireV1(), AcquireV1(Wish(key: "l")), AcquireV1(Wish(key: "l")), AcquireV1(Wish(warm: WarmWish.Never)), Acquire() };
        foreach (var caller in callers) Gateway.Tell(caller);
        await UntilAsync(p => p.Vms.Any(v => v.Life.Phase == VmPhase.Preparing) && p.Waiting == 3);
        var looking = new TaskCompletionSource();
        Hypervisor.Finding = () => looking.Task;

        await EventFilter.Exception<ActorKilledException>().ExpectAsync(1, async () =>
            (await Sys.ActorSelection(Node.Path / "pool-default").ResolveOne(TimeSpan.FromSeconds(5))).Tell(Kill.Instance));

        foreach (var caller in callers)
            Assert.Equal(RefusalKind.Unavailable, Assert.IsType<AcquireRefused>(await caller.Ticket.Answer.WaitAsync(TimeSpan.FromSeconds(20))).Kind);
        // It does not know its VMs yet, and says nothing about them.
        var renewing = AskVmAsync(new RenewLease(id, token, null));
        var again = AcquireV1(Wish(key: "k", sandbox: "s"));
        Gateway.Tell(again);
        looking.SetResult();
        Assert.IsType<LeaseRenewed>(await renewing);
        Assert.Equal(id, Assert.IsType<BaseVmGranted>(await again.Ticket.Answer.WaitAsync(TimeSpan.FromSeconds(20))).Facts.Id);
    }

    /// <summary>What the world does to a VM, whoever has it.</summary>
    private void HarmOne(Func<int, int> roll)
    {
        var vms = Hypervisor.Alive.ToList();
        if (vms.Count == 0) return;
        var vm = vms[roll(vms.Count)];
        switch (roll(60))
        {
            case 0:
                vm.Die("was killed by signal 9 (SIGKILL)");
                break;
            case 1 when vm.Condition == VmCondition.Paused:
                vm.Happen(new VmEvent.Resumed(ByUs: false));
                break;
            case 2:
                vm.Happen(new VmEvent.Shutdown("guest-shutdown", ByGuest: true));
                break;
            case 3:
                vm.Happen(new VmEvent.MonitorLost("EOF"));
                break;
        }
    }
}
