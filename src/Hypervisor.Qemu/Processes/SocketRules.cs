using System.ComponentModel;
using System.Runtime.InteropServices;

namespace VmCacheCluster.Hypervisor.Qemu.Processes;

/// <summary>
/// A seccomp filter that lets a thread, and all that it starts, make no socket: QEMU is given all that it has. A network namespace keeps nobody from
/// vsock, over which guests' agents may listen, nor from Unix sockets that every user of the host may connect to.
/// </summary>
internal static unsafe class SocketRules
{
    private const int Filter = 2;

    // Classic BPF: load a word, compare it, return. seccomp_data has the number at 0 and the architecture at 4.
    private const ushort Load = 0x20, IfEqual = 0x15, IfAtLeast = 0x35, Return = 0x06;
    private const uint Number = 0, Architecture = 4;
    private const uint X64 = 0xC000003E, X32 = 0x40000000, Refuse = 0x00050001, Allow = 0x7FFF0000;

    /// <summary>io_uring makes sockets past any filter; QEMU does without it.</summary>
    private const uint Socket = 41, UringSetup = 425;

    private static readonly Step[] Program =
    [
        new(Load, Architecture),
        new(IfEqual, X64, whenFalse: 5),
        new(Load, Number),
        new(IfAtLeast, X32, whenTrue: 3),
        new(IfEqual, UringSetup, whenTrue: 2),
        new(IfEqual, Socket, whenTrue: 1),
        new(Return, Allow),
        new(Return, Refuse),
    ];

    /// <summary>To the calling thread, for good.</summary>
    /// <exception cref="IOException">The kernel refuses it.</exception>
    public static void Apply()
    {
        _ = Native.ProcessControl(Native.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
        fixed (Step* steps = Program)
        {
            var program = new FilterProgram { Length = (ushort)Program.Length, Steps = steps };
            if (Native.ProcessControl(Native.PR_SET_SECCOMP, Filter, (nuint)(&program), 0, 0) == 0) return;
        }

        var error = Marshal.GetLastPInvokeError();
        throw new IOException($"what sockets a VM may make cannot be restricted (seccomp): {new Win32Exception(error).Message}", error);
    }

    /// <summary>struct sock_filter.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private readonly struct Step(ushort code, uint value, byte whenTrue = 0, byte whenFalse = 0)
    {
        private readonly ushort _code = code;
        private readonly byte _whenTrue = whenTrue;
        private readonly byte _whenFalse = whenFalse;
        private readonly uint _value = value;
    }

    /// <summary>struct sock_fprog.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct FilterProgram
    {
        public ushort Length;
        public Step* Steps;
    }
}
