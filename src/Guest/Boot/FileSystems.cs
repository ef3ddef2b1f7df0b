using System.Runtime.InteropServices;
using VmCacheCluster.Guest.Sys;

namespace VmCacheCluster.Guest.Boot;

/// <summary>The kernel's file systems and the volatile ones, where programs expect them.</summary>
internal static class FileSystems
{
    private const nuint NoSuid = 2, NoDev = 4, NoExec = 8;

    private static readonly (string Type, string Target, nuint Flags, string Options)[] Table =
    [
        ("devtmpfs", "/dev", NoSuid, "mode=0755"),
        ("proc", "/proc", NoSuid | NoDev | NoExec, ""),
        ("sysfs", "/sys", NoSuid | NoDev | NoExec, ""),
        ("devpts", "/dev/pts", NoSuid | NoExec, "mode=0620,ptmxmode=0666"),
        ("tmpfs", "/dev/shm", NoSuid | NoDev, "mode=1777"),
        ("tmpfs", "/run", NoSuid | NoDev, "mode=0755"),
        ("tmpfs", "/tmp", NoSuid | NoDev, "mode=1777"),
        ("cgroup2", "/sys/fs/cgroup", NoSuid | NoDev | NoExec, ""),
    ];

    public static void Mount()
    {
        foreach (var (type, target, flags, options) in Table)
        {
            _ = Libc.mkdir(target, 0x1ED);
            if (Libc.mount(type, target, type, flags, options) < 0)
                KernelLog.Error($"cannot mount {type} on {target}: {Marshal.GetLastPInvokeErrorMessage()}");
        }
    }
}
