using System.Text.RegularExpressions;
using VmCacheCluster.Client;
using VmCacheCluster.Tests.TestSupport;

namespace VmCacheCluster.Tests.EndToEnd.Support;

/// <summary>What a daemon holds: descriptors by kind, threads, mounts, directories, processes of VMs.</summary>
internal sealed partial class Census
{
    /// <summary>The runtime's pool comes and goes by a few.</summary>
    private const int ThreadsMore = 12;

    private const int Callers = 4;

    private readonly SortedDictionary<string, int> _counts = new(StringComparer.Ordinal);

    private Census(House house, DaemonProcess daemon)
    {
        foreach (var kind in Directory.EnumerateFileSystemEntries($"/proc/{daemon.Pid}/fd").Select(KindOf).OfType<string>()) Count($"fd {kind}", 1);
        Count("mounts", File.ReadLines($"/proc/{daemon.Pid}/mountinfo").Count());
        Count("processes", house.VmProcesses().Count);
        foreach (var directory in Directory.EnumerateDirectories(house.RunDirectory, "*", SearchOption.AllDirectories).Append(house.RunDirectory))
            Count($"entries of {NameOf(directory)}", Directory.EnumerateFileSystemEntries(directory).Count());
        Threads = Directory.EnumerateDirectories($"/proc/{daemon.Pid}/task").Count();
    }

    private int Threads { get; }

    /// <summary>Takes and gives back so many VMs, and asserts that the daemon holds then what it held before.</summary>
    public static async Task AssertSameAfterAsync(House house, DaemonProcess daemon, int cycles)
    {
        await daemon.WarmAsync();
        // What is loaded and opened once is there before it is counted.
        await CycleAsync(daemon, 3 * Callers);
        await daemon.WarmAsync();
        Census? before = null, now = null;
        await Eventually.Async(() => Same(before, before = Take(house, daemon)), "the daemon is at rest", () => $"{before}", daemon.Patience);

        await CycleAsync(daemon, cycles);

        await daemon.WarmAsync();
        await Eventually.Async(
            () => (now = Take(house, daemon)) is not null && Same(before, now) && now.Threads <= before!.Threads + ThreadsMore,
            $"after {cycles} cycles the daemon holds what it held before", () => $"{now}\nbefore\n{before}", daemon.Patience);
    }

    public override string ToString() => string.Join('\n', _counts.Select(c => $"{c.Value} {c.Key}").Append($"{Threads} threads"));

    private static bool Same(Census? one, Census? other) => one is not null && other is not null && one._counts.SequenceEqual(other._counts);

    /// <summary>Null: something went while it was counted.</summary>
    private static Census? Take(House house, DaemonProcess daemon)
    {
        try
        {
            return new Census(house, daemon);
        }
        catch (IOException)
        {
            return null;
        }
    }

    private static Task CycleAsync(DaemonProcess daemon, int cycles) => Parallel.ForEachAsync(
        Enumerable.Range(0, cycles), new ParallelOptions { MaxDegreeOfParallelism = Callers }, async (number, _) =>
        {
            if (number % 2 == 0)
            {
                await daemon.Client.ReleaseAsync((await daemon.Client.GetBaseVmAsync(HandedOut.Timeout)).Id, HandedOut.Timeout);
                return;
            }

            var options = new AcquireOptions { SandboxId = $"box-{number}", IdempotencyKey = $"key-{number}", AutomaticRenewal = false, Timeout = HandedOut.Timeout };
            await using var vm = await daemon.Client.AcquireAsync("", options);
        });

    private void Count(string what, int number) => _counts[what] = _counts.GetValueOrDefault(what) + number;

    /// <summary>What it is open on, without numbers and VMs' names. Null: an assembly; .NET loads them when it first needs them, and keeps them.</summary>
    private static string? KindOf(string descriptor)
    {
        var target = new FileInfo(descriptor).LinkTarget ?? "gone";
        return target.EndsWith(".dll", StringComparison.Ordinal) || target == Dist.Daemon ? null : NameOf(target);
    }

    private static string NameOf(string path) => Numbers().Replace(Ids().Replace(path, "ID"), "[]");

    [GeneratedRegex("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")]
    private static partial Regex Ids();

    [GeneratedRegex(@"\[\d+\]")]
    private static partial Regex Numbers();
}
