using Akka.TestKit.Xunit2;
using VmCacheCluster.Domain;
using VmCacheCluster.Tests.TestSupport.History;

namespace VmCacheCluster.Tests.Actors.Crash;

/// <summary>By themselves: what the threads of other specs do is not part of a round.</summary>
[CollectionDefinition(nameof(CrashSpecs), DisableParallelization = true)]
public sealed class Alone;

/// <summary>The daemon is killed anywhere, again and again, and nobody loses a VM nor gets somebody else's.</summary>
[Collection(nameof(CrashSpecs))]
public class CrashSpecs() : TestKit("""
    akka.scheduler.implementation = "Akka.TestKit.TestScheduler, Akka.TestKit"
    akka.loglevel = OFF
    akka.stdout-loglevel = OFF
    """)
{
    private const int Seed = 20_000;

    private static readonly PoolOptions Pool = new()
    {
        Name = PoolName.Default,
        Spec = new VmSpec { Pool = PoolName.Default, Qemu = "/usr/bin/qemu-system-x86_64", Kernel = "/k", Initrd = "/i", MaxCpus = 4 },
        VmCacheNumber = 2,
        Accelerator = AcceleratorChoice.Tcg,
        GracePeriod = TimeSpan.FromSeconds(30),
        Lease = new LeaseLimits(TimeSpan.FromMinutes(2), TimeSpan.FromHours(1)),
        BootTimeout = TimeSpan.FromSeconds(60),
        MaxWaiting = 256,
        Backoff = new BackoffOptions(TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(4), 0.2),
    };

    [Fact]
    public Task Loses_no_lease_and_gives_no_vm_twice_when_the_daemon_is_killed_at_random_steps() => RunAsync(Seed, 1000);

    [Fact]
    [Trait("Category", "Long")]
    public Task Loses_no_lease_and_gives_no_vm_twice_in_ten_thousand_rounds() => RunAsync(Seed, 10_000);

    private async Task RunAsync(int from, int rounds)
    {
        for (var seed = from; seed < from + rounds; seed++)
        {
            var round = new CrashRound(Sys, Pool, seed);
            try
            {
                await round.RunAsync();
            }
            catch (Exception e)
            {
                throw new InvalidOperationException(Report(seed, round, e.Message), e);
            }

            var faults = HistoryChecker.Faults(round.History);
            Assert.True(faults.Count == 0, Report(seed, round, string.Join('\n', faults)));
        }
    }

    private static string Report(int seed, CrashRound round, string faults)
        => $"seed {seed}, kills: {round.Kills}\n{faults}\n{round.Told}\n{string.Join('\n', round.History.Select((happened, at) => $"{at} {happened}"))}";
}
