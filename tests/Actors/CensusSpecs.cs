using Akka.Actor;
using VmCacheCluster.Actors.Gateway;
using VmCacheCluster.Actors.Hosting;
using VmCacheCluster.Domain;
using VmCacheCluster.Tests.Actors.Crash;
using VmCacheCluster.Tests.TestSupport;

namespace VmCacheCluster.Tests.Actors;

/// <summary>What a host holds is the same before and after very many VMs. By the real clock and the production's own timers.</summary>
[Collection(nameof(CrashSpecs))]
public class CensusSpecs() : NodeFixture("VmCacheCluster.Actors.Hosting.TimerScheduler, VmCacheCluster.Actors")
{
    private const int Cycles = 10_000;
    private const int Callers = 4;
    private const int Warm = 4;

    [Fact]
    public async Task Holds_no_more_actors_timers_and_vms_after_ten_thousand_cycles_of_acquire_and_release()
    {
        await StartAsync(Callers, Growing(Pool(number: Warm)));
        await UntilAsync(p => p is { Warm: Warm, Warming: 0 });
        await CycleAsync(Callers * 10);
        var before = await CountAsync(null);

        await CycleAsync(Cycles);

        var after = await CountAsync(before);
        Assert.Equal(before with { Timers = after.Timers }, after);
        Assert.True(after.Timers <= before.Timers, $"{after.Timers} timers, and {before.Timers} before");
    }

    private Task CycleAsync(int cycles) => Parallel.ForEachAsync(
        Enumerable.Range(0, cycles), new ParallelOptions { MaxDegreeOfParallelism = Callers }, async (number, _) =>
        {
            if (number % 2 == 0)
            {
                var kata = Assert.IsType<BaseVmGranted>(await AskAsync(Acquire()));
                Assert.IsType<VmReleased>(await AskVmAsync(new ReleaseVm(kata.Facts.Id)));
                return;
            }

            var wish = number % 4 == 1 ? Wish(cpus: 2, memory: 512, sandbox: $"box-{number}", key: $"key-{number}") : Wish();
            var lease = Assert.IsType<BaseVmGranted>(await AskAsync(AcquireV1(wish)));
            var token = lease.Lease!.Record.Token;
            Assert.IsType<LeaseRenewed>(await AskVmAsync(new RenewLease(lease.Facts.Id, token, null)));
            Assert.IsType<VmReleased>(await AskVmAsync(new ReleaseVm(lease.Facts.Id, token)));
        });

    /// <summary>At rest: once the pool is at its target, and what is being ended has ended.</summary>
    /// <param name="wanted">Waited for; null: what is counted twice the same.</param>
    private async Task<Census> CountAsync(Census? wanted)
    {
        Census? last = null;
        try
        {
            await Eventually.Async(
                async () =>
                {
                    var pool = await PoolAsync();
                    var now = new Census(Actors(((ExtendedActorSystem)Sys).Guardian), ((TimerScheduler)Sys.Scheduler).Pending, Timer.ActiveCount, Hypervisor.Alive.Count(), OpenGuests());
                    // Timers of the runtime are counted for the whole process: those of specs before this one end meanwhile.
                    var still = wanted is null ? now == last : now with { Timers = wanted.Timers } == wanted && now.Timers <= wanted.Timers;
                    last = now;
                    return still && pool is { Warm: Warm, Warming: 0, Leased: 0 };
                },
                "the same is held as before",
                () => $"{last}, and {wanted} before");
        }
        catch (TimeoutException e)
        {
            Assert.Fail(e.Message);
        }

        return last!;
    }

    private int OpenGuests() => Hypervisor.Vms.Values.Count(v => v.Machine.Guest.IsOpen && v.Alive);

    /// <summary>It and all below it.</summary>
    private static int Actors(IInternalActorRef actor) => 1 + (actor is ActorRefWithCell cell ? cell.Children.OfType<IInternalActorRef>().Sum(Actors) : 0);

    private sealed record Census(int Actors, int Due, long Timers, int Vms, int Guests);
}
