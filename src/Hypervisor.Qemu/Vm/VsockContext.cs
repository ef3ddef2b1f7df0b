using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using VmCacheCluster.Domain;
using VmCacheCluster.Hypervisor.Qemu.Processes;

namespace VmCacheCluster.Hypervisor.Qemu.Vm;

/// <summary>Context ids for VMs: chosen at random, as Kata's runtime does on the same host, and asked of the kernel whether they are free.</summary>
internal static partial class VsockContext
{
    private const string Device = VsockAddress.HostDevice;
    private const string Remedy = "modprobe vhost_vsock, give the daemon's user the right to read and write it, or set agent-transport to serial";
    private const uint First = 3;
    private const int Tries = 64;
    private const nuint SetGuestCid = 0x4008af60;

    /// <summary>Why this host makes no VM whose agent is reached over vsock, be it from another host's template; null: it can.</summary>
    public static VmFailure? Problem(string device = Device) =>
        !Path.Exists(device)
            ? new VmFailure(VmFailureKind.Configuration, $"the guests' agents are to be reached over vsock, and the host has no {device}", Remedy)
        : Native.Access(device, Native.R_OK | Native.W_OK) != 0
            ? new VmFailure(VmFailureKind.Host, $"the guests' agents are to be reached over vsock, and {device} may not be used by the daemon's user", Remedy)
        : null;

    /// <returns>The device, which has the context id until it is closed: nobody can take that before QEMU, which gets it open.</returns>
    /// <exception cref="VmFailedException">The host has no vsock, or none of its ids is free.</exception>
    public static unsafe (SafeFileHandle Device, uint ContextId) Choose()
    {
        var device = new SafeFileHandle(Native.Open(Device, Native.O_RDWR | Native.O_CLOEXEC), ownsHandle: true);
        if (device.IsInvalid)
            throw new VmFailedException(new VmFailure(VmFailureKind.Host, $"cannot open {Device}: {Marshal.GetLastPInvokeErrorMessage()}", Remedy));
        for (var i = 0; i < Tries; i++)
        {
            var cid = (ulong)Random.Shared.NextInt64(First, uint.MaxValue);
            if (Control((int)device.DangerousGetHandle(), SetGuestCid, &cid) == 0) return (device, (uint)cid);
        }

        var why = Marshal.GetLastPInvokeErrorMessage();
        device.Dispose();
        throw new VmFailedException(new VmFailure(VmFailureKind.Host, $"{Device} takes no context id: {why}"));
    }

    [LibraryImport("libc", EntryPoint = "ioctl", SetLastError = true)]
    private static unsafe partial int Control(int descriptor, nuint request, ulong* argument);
}
