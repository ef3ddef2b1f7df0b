using VmCacheCluster.Domain.Ports;

namespace VmCacheCluster.Benchmarks.Rig;

/// <summary>What a process takes of the host's memory, by /proc/PID/smaps_rollup.</summary>
/// <param name="PrivateMiB">Its own alone.</param>
/// <param name="ProportionalMiB">With its share of what it shares (PSS).</param>
public readonly record struct HostMemory(double PrivateMiB, double ProportionalMiB)
{
    public static HostMemory Of(IVm vm)
    {
        var kib = File.ReadLines($"/proc/{vm.Facts.Process.Pid}/smaps_rollup").Skip(1)
            .Select(line => line.Split((char[])[' ', ':'], StringSplitOptions.RemoveEmptyEntries)).ToDictionary(w => w[0], w => double.Parse(w[1]));
        return new HostMemory((kib["Private_Clean"] + kib["Private_Dirty"]) / 1024, kib["Pss"] / 1024);
    }
}
