using System.Globalization;
using VmCacheCluster.Domain;

namespace VmCacheCluster.Hypervisor.Qemu.Processes;

/// <summary>
/// How a QEMU competes for the host's CPUs: nice of each of its threads, and of its session's scheduling group where the kernel
/// makes one for each session (sched_autogroup), since nice counts only within it.
/// </summary>
internal static class ProcessPriority
{
    /// <summary>A tenth of the share of nice 0.</summary>
    private const int BackgroundNice = 10;
    private const int MostPasses = 4;
    private const int CapSysAdmin = 21, CapSysNice = 23;

    /// <summary>Only who may give a process its priority back may take it.</summary>
    private static readonly Lazy<ulong> Capabilities = new(ReadCapabilities);

    /// <summary>False where the daemon could not raise it again: then all run at the same.</summary>
    public static bool CanChange => Has(CapSysNice);

    /// <summary>What it starts from now on inherits it.</summary>
    public static void Lower(int pid)
    {
        if (!CanChange) return;
        SetThreads(pid, BackgroundNice);
        SetGroup(pid, BackgroundNice);
    }

    /// <summary>Back to normal, in some hundred microseconds. A process that is gone is no failure.</summary>
    public static void Raise(int pid)
    {
        if (!CanChange) return;
        SetGroup(pid, 0);
        SetThreads(pid, 0);
    }

    /// <summary>A thread that is made meanwhile may inherit the old one: so it looks again.</summary>
    private static void SetThreads(int pid, int nice)
    {
        for (var pass = 0; pass < MostPasses && SetThreadsOnce(pid, nice); pass++) { }
    }

    /// <returns>Whether there were any to change.</returns>
    private static bool SetThreadsOnce(int pid, int nice)
    {
        try
        {
            var changed = false;
            foreach (var directory in Directory.EnumerateDirectories($"/proc/{pid}/task"))
            {
                var thread = uint.Parse(Path.GetFileName(directory), CultureInfo.InvariantCulture);
                // One that somebody has given precedence keeps it.
                if (Math.Max(0, Native.GetPriority(Native.PRIO_PROCESS, thread)) == nice) continue;
                changed |= Native.SetPriority(Native.PRIO_PROCESS, thread, nice) == 0;
            }

            return changed;
        }
        catch (Exception gone) when (gone is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    /// <summary>Whoever is no administrator may change it ten times a second on the whole host, which is not enough.</summary>
    private static void SetGroup(int pid, int nice)
    {
        if (!Has(CapSysAdmin)) return;
        try
        {
            File.WriteAllText($"/proc/{pid}/autogroup", nice.ToString(CultureInfo.InvariantCulture));
        }
        catch (Exception none) when (none is IOException or UnauthorizedAccessException)
        {
            // A kernel without such groups, or a process that is gone.
        }
    }

    private static bool Has(int capability) => (Capabilities.Value >> capability & 1) != 0;

    private static ulong ReadCapabilities()
    {
        const string effective = "CapEff:";
        var line = File.ReadLines("/proc/self/status").FirstOrDefault(l => l.StartsWith(effective, StringComparison.Ordinal));
        return line is not null && ulong.TryParse(line.AsSpan(effective.Length).Trim(), NumberStyles.HexNumber, CultureInfo.InvariantCulture, out var bits) ? bits : 0;
    }
}
