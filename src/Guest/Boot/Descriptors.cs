using VmCacheCluster.Guest.Sys;

namespace VmCacheCluster.Guest.Boot;

/// <summary>Descriptors 0 to 2. The kernel starts init without them when no console is registered yet (hvc0 comes with a
/// module); whatever were opened first would then be taken for standard output.</summary>
internal static class Descriptors
{
    public static void FillStandard()
    {
        int descriptor;
        do descriptor = Libc.open("/dev/null", Linux.O_RDWR, 0);
        while (descriptor is >= 0 and <= 2);
        if (descriptor > 2) _ = Libc.close(descriptor);
    }

    /// <summary>Output goes to the console, which can be another one now that the virtio modules are loaded.</summary>
    public static void OpenConsole()
    {
        var console = Libc.open("/dev/console", Linux.O_RDWR | Linux.O_NOCTTY | Linux.O_CLOEXEC, 0);
        if (console < 0) return;
        _ = Libc.dup2(console, 1);
        _ = Libc.dup2(console, 2);
        _ = Libc.close(console);
    }
}
