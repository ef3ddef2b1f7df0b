using System.Runtime.InteropServices;
using VmCacheCluster.Guest.Sys;

namespace VmCacheCluster.Guest.Boot;

/// <summary>Loads the modules that the image carries, in the order that was worked out when it was built.</summary>
internal static unsafe class KernelModules
{
    private const string Modules = "/lib/modules/";
    private const string Devices = "/sys/bus/virtio/devices";

    // VIRTIO_ID_VSOCK, as sysfs has it.
    private const string VsockDevice = "0x0013";

    public static void Load()
    {
        var order = Descriptor.ReadSmallFile(Modules + "order");
        if (order is null)
        {
            KernelLog.Error($"{Modules}order is missing: no module is loaded, so the agent's port may never appear");
            return;
        }

        foreach (var file in order.Split('\n', StringSplitOptions.RemoveEmptyEntries))
            if (IsWanted(file)) Load(file);
    }

    /// <summary>Most VMs have no vsock, whose three modules would take a tenth of the boot's time. Its device shows once virtio_pci is loaded,
    /// which comes before in the order.</summary>
    private static bool IsWanted(string file) => !file.Contains("vsock", StringComparison.Ordinal) || HasVsock();

    private static bool HasVsock() => Directory.Exists(Devices)
        && Directory.GetDirectories(Devices).Any(device => Descriptor.ReadSmallFile(device + "/device") == VsockDevice);

    private static void Load(string file)
    {
        var descriptor = Libc.open(Modules + file, Linux.O_RDONLY | Linux.O_CLOEXEC, 0);
        byte none = 0;
        if ((descriptor < 0 || Libc.finit_module(Linux.SYS_finit_module, descriptor, &none, 0) < 0)
            && Marshal.GetLastPInvokeError() != Linux.EEXIST)
            KernelLog.Error($"cannot load {file}: {Marshal.GetLastPInvokeErrorMessage()}");
        if (descriptor >= 0) _ = Libc.close(descriptor);
    }
}
