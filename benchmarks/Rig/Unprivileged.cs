using VmCacheCluster.Domain;
using VmCacheCluster.Hypervisor.Qemu.Users;

namespace VmCacheCluster.Benchmarks.Rig;

/// <summary>Who VMs run as where a benchmark makes them without a daemon: as a daemon would have it.</summary>
internal static class Unprivileged
{
    public static VmUsers? Users() => Environment.IsPrivilegedProcess && Environment.GetEnvironmentVariable("VM_USERS") != "off"
        ? new VmUsers(UserRange.Default, "/usr/bin/setpriv") : null;
}
