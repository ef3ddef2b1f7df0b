using System.Runtime.InteropServices;

namespace VmCacheCluster.Hypervisor.Qemu.Processes;

/// <summary>A descriptor of one process: it never comes to mean a later process with the same pid.</summary>
internal sealed class PidFd : SafeHandle
{
    private const int PidFdOpen = 434;
    private const int PidFdSendSignal = 424;

    private PidFd(int fd, int pid) : base(-1, ownsHandle: true)
    {
        SetHandle(fd);
        Pid = pid;
    }

    public int Pid { get; }

    public override bool IsInvalid => handle < 0;

    /// <summary>Null when there is no such process. The descriptor is closed on exec.</summary>
    public static PidFd? Open(int pid)
    {
        var fd = (int)Native.Syscall(PidFdOpen, pid, 0, 0, 0);
        if (fd >= 0) return new PidFd(fd, pid);
        var error = Marshal.GetLastPInvokeError();
        return error == Native.ESRCH ? null : throw new IOException($"pidfd_open({pid}): {Marshal.GetPInvokeErrorMessage(error)}", error);
    }

    /// <summary>Whether the process lives; a zombie does not. Takes about a microsecond.</summary>
    public unsafe bool IsAlive()
    {
        var held = false;
        try
        {
            DangerousAddRef(ref held);
            var poll = new Native.PollFd { Fd = (int)handle, Events = Native.POLLIN };
            int ready;
            do ready = Native.Poll(&poll, 1, 0);
            while (ready < 0 && Marshal.GetLastPInvokeError() == Native.EINTR);
            return ready == 0;
        }
        finally
        {
            if (held) DangerousRelease();
        }
    }

    /// <summary>False when the process is gone.</summary>
    public bool Signal(int signal)
    {
        var held = false;
        try
        {
            DangerousAddRef(ref held);
            return Native.Syscall(PidFdSendSignal, handle, signal, 0, 0) == 0;
        }
        finally
        {
            if (held) DangerousRelease();
        }
    }

    /// <summary>
    /// How the dead process ended, for a person; takes the zombie away. "is gone" when it was not our child.
    /// </summary>
    public unsafe string TakeExit()
    {
        const int pPidFd = 3, wExited = 4, wNoHang = 1;
        const int code = 8, status = 24, exited = 1;
        var info = stackalloc byte[128];
        new Span<byte>(info, 128).Clear();
        var held = false;
        try
        {
            DangerousAddRef(ref held);
            if (Native.WaitId(pPidFd, (uint)handle, info, wExited | wNoHang) != 0) return "is gone";
        }
        finally
        {
            if (held) DangerousRelease();
        }
        var number = *(int*)(info + status);
        return *(int*)(info + code) switch
        {
            0 => "is gone",
            exited => $"exited with status {number}",
            _ => $"was killed by signal {number}{SignalName(number)}",
        };
    }

    protected override bool ReleaseHandle() => Native.Close((int)handle) == 0;

    private static string SignalName(int signal) => signal switch
    {
        2 => " (SIGINT)",
        4 => " (SIGILL)",
        6 => " (SIGABRT)",
        7 => " (SIGBUS)",
        9 => " (SIGKILL)",
        11 => " (SIGSEGV)",
        15 => " (SIGTERM)",
        31 => " (SIGSYS)",
        _ => "",
    };
}
