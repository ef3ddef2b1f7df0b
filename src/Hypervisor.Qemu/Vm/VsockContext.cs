using System.Runtime.InteropServices;
using VmCacheCluster.Domain;
using VmCacheCluster.Hypervisor.Qemu.Processes;

namespace VmCacheCluster.Hypervisor.Qemu.Vm;

/// <summary>Context ids for VMs: chosen at random, as Kata's runtime does on the same host, and asked of the kernel whether they are free.</summary>
internal static partial class VsockContext
{
    private const string Device = VsockAddress.HostDevice;
    private const string Remedy = "modprobe vhost_vsock, give the daemon's user the right to read and write it, or set agent-transport to serial";
    private const uint First = 3;
    private const int Tries = 64, ReadWriteCloseOnExec = 2 | 0x80000;
    private const nuint SetGuestCid = 0x4008af60;

    /// <summary>Why this host makes no VM whose agent is reached over vsock, be it from another host's template; null: it can.</summary>
    public static VmFailure? Problem(string device = Device) =>
        !Path.Exists(device)
            ? new VmFailure(VmFailureKind.Configuration, $"the guests' agents are to be reached over vsock, and the host has no {device}", Remedy)
        : Native.Access(device, Native.R_OK | Native.W_OK) != 0
            ? new VmFailure(VmFailureKind.Host, $"the guests' agents are to be reached over vsock, and {device} may not be used by the daemon's user", Remedy)
        : null;

    /// <exception cref="VmFailedException">The host has no vsock, or none of its ids is free.</exception>
    public static unsafe uint Choose()
    {
        var device = Open(Device, ReadWriteCloseOnExec);
        if (device < 0)
            throw new VmFailedException(new VmFailure(VmFailureKind.Host, $"cannot open {Device}: {Marshal.GetLastPInvokeErrorMessage()}", Remedy));
        try
        {
            for (var i = 0; i < Tries; i++)
            {
                var cid = (ulong)Random.Shared.NextInt64(First, uint.MaxValue);
                // It is free again when the device is closed; that QEMU is not the one to take it next is next to impossible.
                if (Control(device, SetGuestCid, &cid) == 0) return (uint)cid;
            }

            throw new VmFailedException(new VmFailure(VmFailureKind.Host, $"{Device} takes no context id: {Marshal.GetLastPInvokeErrorMessage()}"));
        }
        finally
        {
            _ = Native.Close(device);
        }
    }

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Open(string path, int flags);

    [LibraryImport("libc", EntryPoint = "ioctl", SetLastError = true)]
    private static unsafe partial int Control(int descriptor, nuint request, ulong* argument);
}
