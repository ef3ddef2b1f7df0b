using System.Runtime.InteropServices;
using VmCacheCluster.Guest.Sys;

namespace VmCacheCluster.Guest.Port;

/// <summary>The guest's side of the vsock bus (vsock(7)).</summary>
internal static unsafe class Vsock
{
    /// <summary>Where Kata's agents listen, too.</summary>
    public const uint AgentPort = 1024;

    private const string Device = "/dev/vsock";
    private const int Waiting = 64;

    /// <summary>The VM has a device of the bus: the driver has taken it when its module was loaded.</summary>
    public static bool IsThere()
    {
        var device = Libc.open(Device, Linux.O_RDONLY | Linux.O_CLOEXEC, 0);
        if (device < 0) return false;
        var cid = Linux.VMADDR_CID_ANY;
        var asked = Libc.ioctl(device, Linux.IOCTL_VM_SOCKETS_GET_LOCAL_CID, &cid);
        _ = Libc.close(device);
        return asked == 0 && cid != Linux.VMADDR_CID_ANY;
    }

    /// <summary>Listens whatever the guest's context id is: a clone gets another than its template had, and listens on.</summary>
    /// <exception cref="LinuxException">The kernel does not take it.</exception>
    public static int Listen(uint port)
    {
        var descriptor = Libc.socket(Linux.AF_VSOCK, Linux.SOCK_STREAM | Linux.SOCK_NONBLOCK | Linux.SOCK_CLOEXEC, 0);
        if (descriptor < 0) throw LinuxException.Last("cannot open a vsock socket");
        var address = new VsockSocketAddress { Family = Linux.AF_VSOCK, Port = port, ContextId = Linux.VMADDR_CID_ANY };
        if (Libc.bind(descriptor, &address, (uint)sizeof(VsockSocketAddress)) == 0 && Libc.listen(descriptor, Waiting) == 0) return descriptor;
        var errno = Marshal.GetLastPInvokeError();
        _ = Libc.close(descriptor);
        throw new LinuxException($"cannot listen at vsock port {port}", errno);
    }
}
