using System.Buffers.Text;

namespace VmCacheCluster.Hypervisor.Qemu.Processes;

/// <summary>
/// What a QEMU's vCPU threads have used of the host's CPUs. They are known by their names ("CPU 0/TCG", "CPU 1/KVM"),
/// which QEMU gives them with debug-threads=on. They are looked for once: only plugging makes more.
/// </summary>
internal sealed class GuestCpuTime(int pid)
{
    private const string VcpuPrefix = "CPU ";

    /// <summary>At vCPUs that were stopped and have not come to rest.</summary>
    private const int MostLooks = 500;

    /// <summary>A kernel that has said nothing more in so many looks never does.</summary>
    private const int CertainLooks = 50;

    private static readonly TimeSpan BetweenLooks = TimeSpan.FromMilliseconds(2);

    private volatile string[]? _threads;

    /// <summary>
    /// Whether no vCPU runs or is about to: only then all that they have used is counted. A thread that was stopped may still have
    /// some microseconds to go, for which it waits on a busy host, and it calls itself asleep before it has done them: the kernel says
    /// what a thread sleeps on (wchan) when it is off the CPU for good.
    /// </summary>
    /// <param name="certain">False: what it calls itself is enough, as where the kernel does not say more.</param>
    private bool Asleep(bool certain)
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

    /// <summary>Until no vCPU runs on: each is asleep, and has used no more than at the look before. On a busy host one that is asleep by all
    /// signs may still have some microseconds to go.</summary>
    public async Task RestAsync(CancellationToken cancel)
    {
        TimeSpan? before = null;
        for (var looks = 0; looks < MostLooks; looks++)
        {
            TimeSpan? used = null;
            if (Asleep(certain: looks < CertainLooks) && ((used = Read()) is null || used == before)) return;
            before = used;
            await Task.Delay(BetweenLooks, cancel).ConfigureAwait(false);
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
