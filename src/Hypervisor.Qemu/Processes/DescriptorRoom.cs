using VmCacheCluster.Domain;

namespace VmCacheCluster.Hypervisor.Qemu.Processes;

/// <summary>No VM is started with the last descriptors: .NET aborts when it gets none for itself.</summary>
internal static unsafe class DescriptorRoom
{
    /// <summary>For what .NET still opens, and for the end of the VMs that there are.</summary>
    private const int Reserve = 40;

    private const int Files = 7;

    /// <summary>Null: there is room for one more VM. Takes some fifty microseconds for a few hundred descriptors.</summary>
    public static VmFailure? Problem()
    {
        var limit = Limit();
        try
        {
            return Problem(limit, Directory.EnumerateFileSystemEntries("/proc/self/fd").Count());
        }
        catch (IOException)
        {
            return Problem(limit, limit);
        }
    }

    internal static VmFailure? Problem(int limit, int used) => limit - used >= Reserve ? null : new VmFailure(
        VmFailureKind.Host, $"the daemon has {Math.Max(0, limit - used)} of its {limit} descriptors left",
        "raise the limit of open files (LimitNOFILE= in the unit, ulimit -n in a shell)");

    private static int Limit()
    {
        ulong* limit = stackalloc ulong[2];
        return Native.GetLimit(Files, limit) != 0 || limit[0] > int.MaxValue ? int.MaxValue : (int)limit[0];
    }
}
