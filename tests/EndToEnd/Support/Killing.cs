using System.Diagnostics;
using VmCacheCluster.Client;
using VmCacheCluster.Contracts.V1;
using VmCacheCluster.Domain;
using VmCacheCluster.Tests.TestSupport;
using VmCacheCluster.Tests.TestSupport.History;

namespace VmCacheCluster.Tests.EndToEnd.Support;

/// <summary>A daemon that is killed at random moments under load, and the history of its clients.</summary>
internal static class Killing
{
    private const int Clients = 3;

    private static readonly TimeSpan Grace = TimeSpan.FromSeconds(30);

    /// <param name="goOn">Given the number of kills and the time since the start: whether there is another kill.</param>
    /// <param name="longest">The longest life of a daemon.</param>
    public static async Task RunAsync(House house, string settings, int seed, TimeSpan longest, Func<int, TimeSpan, bool> goOn)
    {
        var history = new HistoryRecorder();
        settings = $"{settings}\ngrace-period = {Grace.TotalSeconds}s\n";
        var daemon = house.Start(settings);
        await daemon.WarmAsync();
        var clients = Enumerable.Range(0, Clients)
            .Select(n => new KillingClient($"client-{n}", () => Volatile.Read(ref daemon).Client, history, Grace, seed + n)).ToList();
        using var stop = new CancellationTokenSource();
        var running = clients.Select(c => Task.Run(() => c.RunAsync(stop.Token))).ToList();

        var random = new Random(seed);
        var began = Stopwatch.StartNew();
        var kills = 0;
        while (goOn(kills, began.Elapsed) && running.TrueForAll(r => !r.IsFaulted))
        {
            await PassAsync(longest * random.NextDouble());
            await daemon.KillAsync();
            kills++;
            Volatile.Write(ref daemon, house.Start(settings));
            // Every third daemon may be killed while it starts; the others serve first.
            if (random.Next(3) > 0) await daemon.ReadyAsync();
        }

        await daemon.ReadyAsync();
        await stop.CancelAsync();
        await Task.WhenAll(running);
        await AssertNothingLostAsync(house, daemon, clients, history);
        Assert.True(clients.Sum(c => c.Granted) > kills / 2, $"{clients.Sum(c => c.Granted)} VMs were given in {kills} lives of the daemon: there was no load");
    }

    private static async Task AssertNothingLostAsync(House house, DaemonProcess daemon, IReadOnlyList<KillingClient> clients, HistoryRecorder history)
    {
        // VMs whose hand-out was cut off by a kill are nobody's, and end with their grace period.
        var held = clients.SelectMany(c => c.Held).ToList();
        await daemon.UntilAsync(
            s => Leased(s).SetEquals(held.Select(h => h.Id)), $"exactly the held VMs are leased: {string.Join(' ', held.Select(h => h.Id))}");
        foreach (var client in clients)
            foreach (var vm in client.Held) await client.LookAsync(vm);
        Assert.Empty(clients.SelectMany(c => c.Faults));
        Assert.All(held, h => Assert.True(Processes.IsAlive(h.Pid), $"the process of held VM {h.Id} is gone"));
        AssertHistory(history.Events);

        foreach (var client in clients)
            foreach (var vm in client.Held.ToList()) await client.ReleaseAsync(vm);
        await Crash.AssertWholeAsync(house, daemon);
        Assert.Empty(Leased(await daemon.WarmAsync()));
    }

    /// <summary>No VM was given to two holders, and no holder lost its VM while it held it.</summary>
    private static void AssertHistory(IReadOnlyList<HistoryEvent> seen)
    {
        // Clients do not see a VM being made; the checker wants to know that it was.
        var made = seen.OfType<HistoryEvent.Granted>().Select(g => g.Vm).Distinct().Select(HistoryEvent (vm) => new HistoryEvent.Made(vm));
        var faults = HistoryChecker.Faults([.. made, .. seen]);
        Assert.True(faults.Count == 0, string.Join('\n', faults));
    }

    private static HashSet<string> Leased(NodeStatus status) =>
        status.Pools.SelectMany(p => p.Vms).Where(v => v.State is VmState.Leased or VmState.Reserved).Select(v => v.Id).ToHashSet();

    private static async Task PassAsync(TimeSpan time)
    {
        using var timer = new PeriodicTimer(time + TimeSpan.FromMilliseconds(1));
        await timer.WaitForNextTickAsync();
    }
}
