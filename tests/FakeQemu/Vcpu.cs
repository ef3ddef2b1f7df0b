using System.Runtime.InteropServices;

namespace VmCacheCluster.Tests.FakeQemu;

/// <summary>
/// A thread named as QEMU names that of a vCPU, which uses a millisecond of CPU time whenever the guest is let run, and
/// else none: who ran a guest unwatched can be told by that.
/// </summary>
internal sealed class Vcpu
{
    private const long Work = 1_000_000;

    // Not a semaphore of .NET's, which would spin before it sleeps.
    private readonly AutoResetEvent _runs = new(false);
    private readonly ManualResetEvent _idle = new(true);
    private readonly TaskCompletionSource<long> _thread = new();

    public Vcpu() => new Thread(Loop, maxStackSize: 128 * 1024) { IsBackground = true }.Start();

    public void Run()
    {
        _idle.Reset();
        _runs.Set();
    }

    /// <summary>Returns when it has done its work and sleeps: a vCPU that is stopped uses nothing any more.</summary>
    public void Stop()
    {
        _idle.WaitOne();
        var stat = $"/proc/self/task/{_thread.Task.Result}/stat";
        while (!File.ReadAllText(stat).Contains(") S ", StringComparison.Ordinal)) Thread.Yield();
    }

    private void Loop()
    {
        const int setName = 15, getThread = 186;
        _ = Control(setName, "CPU 0/TCG", 0, 0, 0);
        _thread.SetResult(SystemCall(getThread));
        while (true)
        {
            _runs.WaitOne();
            for (var begun = Used(); Used() - begun < Work;) Thread.SpinWait(100);
            _idle.Set();
        }
    }

    /// <summary>This thread's CPU time in nanoseconds.</summary>
    private static long Used()
    {
        const int threadClock = 3;
        _ = GetTime(threadClock, out var time);
        return time.Seconds * 1_000_000_000 + time.Nanoseconds;
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct Time
    {
        public long Seconds;
        public long Nanoseconds;
    }

    [DllImport("libc", EntryPoint = "clock_gettime")]
    private static extern int GetTime(int clock, out Time time);

    [DllImport("libc", EntryPoint = "syscall")]
    private static extern nint SystemCall(nint number);

    [DllImport("libc", EntryPoint = "prctl")]
    private static extern int Control(int option, [MarshalAs(UnmanagedType.LPUTF8Str)] string name, nint a, nint b, nint c);
}
