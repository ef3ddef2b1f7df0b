using System.Buffers.Text;

namespace VmCacheCluster.Hypervisor.Qemu.Processes;

/// <summary>
/// What a QEMU's vCPU threads have used of the host's CPUs. They are known by their names ("CPU 0/TCG", "CPU 1/KVM"),
/// which QEMU gives them with debug-threads=on. They are looked for once: only plugging makes more.
/// </summary>
internal sealed class GuestCpuTime(int pid)
{
    private const string VcpuPrefix = "CPU ";

    private volatile string[]? _threads;

    /// <summary>
    /// Whether no vCPU runs or is about to: only then all that they have used is counted. A thread that was stopped may still have
    /// some microseconds to go, for which it waits on a busy host, and it calls itself asleep before it has done them: the kernel says
    /// what a thread sleeps on (wchan) when it is off the CPU for good.
    /// </summary>
    /// <param name="certain">False: what it calls itself is enough, as where the kernel does not say more.</param>
    public bool Asleep(bool certain = true)
    {
        try
        {
            return (_threads ?? Find()).All(thread => ProcFs.State($"{thread}/stat") is not ('R' or 'D') && (!certain || File.ReadAllText($"{thread}/wchan") != "0"));
        }
        catch (Exception gone) when (gone is IOException or UnauthorizedAccessException)
        {
            return true;
        }
    }

    public static TimeSpan? Read(int pid) => new GuestCpuTime(pid).Read();

    /// <summary>vCPUs have been plugged.</summary>
    public void Forget() => _threads = null;

    /// <summary>To the nanosecond, in some ten microseconds; null when the process is gone or its threads have no names.</summary>
    public TimeSpan? Read()
    {
        try
        {
            var threads = _threads ??= Find();
            if (threads.Length > 0) return TimeSpan.FromTicks(threads.Sum(t => Nanoseconds($"{t}/schedstat")) / TimeSpan.NanosecondsPerTick);
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            // A thread is gone, and mostly the process with it.
        }
        _threads = null;
        return null;
    }

    private string[] Find() => [.. Directory.EnumerateDirectories($"/proc/{pid}/task")
        .Where(t => File.ReadAllText($"{t}/comm").StartsWith(VcpuPrefix, StringComparison.Ordinal))];

    /// <summary>The first of three numbers. /proc/PID/stat has clock ticks of 10 ms, in which a guest can do a lot.</summary>
    private static long Nanoseconds(string schedstat)
    {
        Span<byte> text = stackalloc byte[128];
        using var file = File.OpenHandle(schedstat);
        var read = RandomAccess.Read(file, text, 0);
        return Utf8Parser.TryParse(text[..read], out long time, out _) ? time : throw new IOException($"{schedstat} has no number");
    }
}
