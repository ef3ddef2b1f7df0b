using System.Runtime.InteropServices;
using VmCacheCluster.Domain;
using VmCacheCluster.Domain.Ports;
using VmCacheCluster.Hypervisor.Qemu.Processes;

namespace VmCacheCluster.Hypervisor.Qemu;

/// <summary>This host's boot id and CLOCK_BOOTTIME, which goes on while the host sleeps.</summary>
public sealed class LinuxHostClock : IHostClock
{
    private readonly Guid _bootId = Guid.Parse(File.ReadAllText("/proc/sys/kernel/random/boot_id").Trim());

    public unsafe HostTime Now
    {
        get
        {
            const int bootTime = 7;
            var time = stackalloc long[2];
            if (Native.ClockGetTime(bootTime, time) != 0)
                throw new IOException("clock_gettime(CLOCK_BOOTTIME): " + Marshal.GetLastPInvokeErrorMessage());
            return new HostTime(_bootId, new TimeSpan(time[0] * TimeSpan.TicksPerSecond + time[1] / TimeSpan.NanosecondsPerTick));
        }
    }
}
