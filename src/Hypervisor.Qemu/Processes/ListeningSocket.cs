using System.ComponentModel;
using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Win32.SafeHandles;

namespace VmCacheCluster.Hypervisor.Qemu.Processes;

/// <summary>A Unix socket that a program serves which gets it open. .NET's own would remove its file as soon as we let go of it.</summary>
internal static unsafe partial class ListeningSocket
{
    private const ushort Unix = 1;
    private const int Stream = 1, CloseOnExec = 0x80000, PathOffset = 2, AddressBytes = 110;

    /// <summary>Listens at a path where nothing is yet. Who connects waits until the program accepts, or until nobody has the socket.</summary>
    /// <exception cref="IOException">It cannot be made there.</exception>
    public static SafeFileHandle Listen(string path)
    {
        var socket = new SafeFileHandle(Open(Unix, Stream | CloseOnExec, 0), ownsHandle: true);
        try
        {
            if (socket.IsInvalid) throw Fault(path);
            var address = stackalloc byte[AddressBytes];
            new Span<byte>(address, AddressBytes).Clear();
            *(ushort*)address = Unix;
            if (QemuPaths.SocketFault(path) is { } fault) throw new IOException(fault);
            var length = Encoding.UTF8.GetBytes(path, new Span<byte>(address + PathOffset, AddressBytes - PathOffset));
            var descriptor = (int)socket.DangerousGetHandle();
            if (Bind(descriptor, address, (uint)(PathOffset + length + 1)) != 0 || Listen(descriptor, 1) != 0) throw Fault(path);
            return socket;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    private static IOException Fault(string path)
    {
        var error = Marshal.GetLastPInvokeError();
        return new IOException($"cannot listen on {path}: {new Win32Exception(error).Message}", error);
    }

    [LibraryImport("libc", EntryPoint = "socket", SetLastError = true)]
    private static partial int Open(int domain, int type, int protocol);

    [LibraryImport("libc", EntryPoint = "bind", SetLastError = true)]
    private static partial int Bind(int socket, byte* address, uint length);

    [LibraryImport("libc", EntryPoint = "listen", SetLastError = true)]
    private static partial int Listen(int socket, int backlog);
}
