using System.Net.Sockets;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace VmCacheCluster.Qmp;

/// <summary>Passes an open file over a Unix socket (SCM_RIGHTS), which .NET does not offer. Layouts are those of x86-64 and glibc.</summary>
internal static unsafe partial class FilePassing
{
    private const int SolSocket = 1, ScmRights = 1, NoSignal = 0x4000, TryAgain = 11, Interrupted = 4;
    private const int CmsgHeaderBytes = 16, ControlBytes = 24;
    private static readonly TimeSpan Patience = TimeSpan.FromMilliseconds(100);

    /// <summary>Sends one byte and the file with it.</summary>
    /// <exception cref="IOException">The peer is gone, or takes nothing.</exception>
    public static void Send(Socket socket, byte data, SafeFileHandle file)
    {
        var held = false;
        try
        {
            file.DangerousAddRef(ref held);
            var control = stackalloc byte[ControlBytes];
            *(nuint*)control = CmsgHeaderBytes + sizeof(int);
            *(int*)(control + 8) = SolSocket;
            *(int*)(control + 12) = ScmRights;
            *(int*)(control + CmsgHeaderBytes) = (int)file.DangerousGetHandle();
            var part = new Part { Start = &data, Length = 1 };
            var message = new Message { Parts = &part, PartCount = 1, Control = control, ControlLength = ControlBytes };
            while (SendMessage((int)socket.Handle, &message, NoSignal) < 0)
            {
                var error = Marshal.GetLastPInvokeError();
                if (error == Interrupted || error == TryAgain && socket.Poll(Patience, SelectMode.SelectWrite)) continue;
                throw new IOException("sendmsg: " + Marshal.GetPInvokeErrorMessage(error));
            }
        }
        finally
        {
            if (held) file.DangerousRelease();
        }
    }

    [LibraryImport("libc", EntryPoint = "sendmsg", SetLastError = true)]
    private static partial nint SendMessage(int socket, Message* message, int flags);

    [StructLayout(LayoutKind.Sequential)]
    private struct Part
    {
        public byte* Start;
        public nuint Length;
    }

    /// <summary>msghdr.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct Message
    {
        public void* Name;
        public uint NameLength;
        public Part* Parts;
        public nuint PartCount;
        public void* Control;
        public nuint ControlLength;
        public int Flags;
    }
}
