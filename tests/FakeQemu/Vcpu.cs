using System.Diagnostics;
using System.Runtime.InteropServices;

namespace VmCacheCluster.Tests.FakeQemu;

/// <summary>
/// A thread named as QEMU names that of a vCPU, which uses a millisecond of CPU time whenever the guest is let run, and
/// else none: who ran a guest unwatched can be told by that.
/// </summary>
internal sealed class Vcpu
{
    private static readonly TimeSpan Work = TimeSpan.FromMilliseconds(1);

    private readonly SemaphoreSlim _runs = new(0);

    public Vcpu() => new Thread(Loop, maxStackSize: 128 * 1024) { IsBackground = true }.Start();

    public void Run() => _runs.Release();

    private void Loop()
    {
        const int setName = 15;
        _ = Control(setName, "CPU 0/TCG", 0, 0, 0);
        while (true)
        {
            _runs.Wait();
            for (var working = Stopwatch.StartNew(); working.Elapsed < Work;) Thread.SpinWait(100);
        }
    }

    [DllImport("libc", EntryPoint = "prctl")]
    private static extern int Control(int option, [MarshalAs(UnmanagedType.LPUTF8Str)] string name, nint a, nint b, nint c);
}
