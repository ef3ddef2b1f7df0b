using System.Globalization;

namespace VmCacheCluster.Hypervisor.Qemu.Processes;

/// <summary>What a process takes of the host's memory.</summary>
public static class ProcessMemory
{
    private const string Line = "Pss:";

    /// <summary>
    /// The proportional set size in KiB: what is the process's own, and its share of what it shares with others. From
    /// /proc/PID/smaps_rollup, which the kernel makes by walking the process's pages. Null: the process is gone, or not ours to ask.
    /// </summary>
    public static long? ReadPssKiB(int pid)
    {
        try
        {
            foreach (var line in File.ReadLines($"/proc/{pid}/smaps_rollup"))
            {
                if (line.StartsWith(Line, StringComparison.Ordinal))
                    return long.Parse(line.AsSpan(Line.Length).Trim().TrimEnd("kB").Trim(), CultureInfo.InvariantCulture);
            }

            return null;
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }
}
