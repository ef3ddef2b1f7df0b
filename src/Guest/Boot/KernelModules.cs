using System.Runtime.InteropServices;
using VmCacheCluster.Guest.Sys;

namespace VmCacheCluster.Guest.Boot;

/// <summary>Loads the modules that the image carries, in the order that was worked out when it was built.</summary>
internal static unsafe class KernelModules
{
    private const string Directory = "/lib/modules/";

    public static void Load()
    {
        var order = Descriptor.ReadSmallFile(Directory + "order");
        if (order is null)
        {
            KernelLog.Error($"{Directory}order is missing: no module is loaded, so the agent's port may never appear");
            return;
        }

        foreach (var file in order.Split('\n', StringSplitOptions.RemoveEmptyEntries)) Load(file);
    }

    private static void Load(string file)
    {
        var descriptor = Libc.open(Directory + file, Linux.O_RDONLY | Linux.O_CLOEXEC, 0);
        byte none = 0;
        if ((descriptor < 0 || Libc.finit_module(Linux.SYS_finit_module, descriptor, &none, 0) < 0)
            && Marshal.GetLastPInvokeError() != Linux.EEXIST)
            KernelLog.Error($"cannot load {file}: {Marshal.GetLastPInvokeErrorMessage()}");
        if (descriptor >= 0) _ = Libc.close(descriptor);
    }
}
