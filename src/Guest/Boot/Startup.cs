using VmCacheCluster.Guest.Sys;

namespace VmCacheCluster.Guest.Boot;

/// <summary>What init owes the kernel and every program before anything else.</summary>
internal static class Startup
{
    public static void Run()
    {
        Descriptors.FillStandard();
        FileSystems.Mount();
        KernelModules.Load();
        Descriptors.OpenConsole();
        SetHostName();
        OnlineHotpluggedMemoryByItself();

        // A port or pipe whose reader left is an error of that one write.
        _ = Libc.signal(Linux.SIGPIPE, Linux.SIG_IGN);
        _ = Libc.reboot(Linux.RB_DISABLE_CAD);
    }

    private static void SetHostName()
    {
        if (Descriptor.ReadSmallFile("/etc/hostname") is not { Length: > 0 } name) return;
        try
        {
            HostName.Set(name);
        }
        catch (LinuxException fault)
        {
            KernelLog.Error(fault.Message);
        }
    }

    // Memory appears some time after QEMU has answered device_add; OnlineCPUMem cannot know how much is still to come.
    private static void OnlineHotpluggedMemoryByItself()
    {
        try
        {
            Descriptor.WriteSmallFile("/sys/devices/system/memory/auto_online_blocks", "online");
        }
        catch (LinuxException fault)
        {
            KernelLog.Info(fault.Message);
        }
    }
}
