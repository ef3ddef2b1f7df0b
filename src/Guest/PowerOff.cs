using System.Runtime.InteropServices;
using VmCacheCluster.Guest.Boot;
using VmCacheCluster.Guest.Sys;

namespace VmCacheCluster.Guest;

/// <summary>Ends the machine when init is asked to: busybox's poweroff sends SIGUSR2, its reboot SIGTERM, ctrl-alt-del
/// SIGINT. A VM of a cache is never started twice, so all of them mean the same.</summary>
internal static class PowerOff
{
    public static IDisposable[] OnSignals() =>
    [
        PosixSignalRegistration.Create((PosixSignal)Linux.SIGUSR2, OnSignal),
        PosixSignalRegistration.Create(PosixSignal.SIGTERM, OnSignal),
        PosixSignalRegistration.Create(PosixSignal.SIGINT, OnSignal),
    ];

    private static void OnSignal(PosixSignalContext context)
    {
        context.Cancel = true;
        KernelLog.Info("powering off");
        _ = Libc.kill(-1, Linux.SIGTERM);
        Thread.Sleep(TimeSpan.FromMilliseconds(100));
        _ = Libc.kill(-1, Linux.SIGKILL);
        Libc.sync();
        if (Libc.reboot(Linux.RB_POWER_OFF) < 0) KernelLog.Error(LinuxException.Last("cannot power off").Message);
    }
}
