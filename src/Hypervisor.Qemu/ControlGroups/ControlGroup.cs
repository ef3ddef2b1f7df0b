using System.Globalization;
using VmCacheCluster.Domain;

namespace VmCacheCluster.Hypervisor.Qemu.ControlGroups;

/// <summary>One VM's control group.</summary>
internal sealed class ControlGroup(string directory)
{
    private const int Tries = 20;
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(5);

    /// <exception cref="IOException">The kernel does not take them.</exception>
    public void Set(VmBounds bounds)
    {
        Write("memory.max", bounds.MemoryBytes);
        Write("pids.max", bounds.Tasks);
        Write("cpu.weight", bounds.CpuWeight);
    }

    /// <summary>The process, with its threads, is in it from here on.</summary>
    /// <exception cref="IOException">It is gone.</exception>
    public void Join(int pid) => Write("cgroup.procs", pid);

    /// <summary>What it was that ended the VM, for a person; null: not its bounds.</summary>
    public string? WhyEnded()
    {
        try
        {
            if (Lines(directory, "memory.events.local").Concat(Lines(directory, "memory.events")).FirstOrDefault(line => line.StartsWith("oom_kill ", StringComparison.Ordinal)) is not { } kills
                || kills == "oom_kill 0") return null;
            var most = long.Parse(Lines(directory, "memory.max")[0], CultureInfo.InvariantCulture) >> 20;
            return string.Create(CultureInfo.InvariantCulture, $"was killed, for it wanted more memory than the {most} MiB that its control group has (memory.max)");
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException or FormatException)
        {
            return null;
        }
    }

    /// <summary>Its processes have ended, and some are on their way out.</summary>
    public void Remove()
    {
        for (var tries = 0; tries < Tries && !TryRemove(directory); tries++) Thread.Sleep(Pause);
    }

    public static bool TryRemove(string directory)
    {
        try
        {
            Directory.Delete(directory);
            return true;
        }
        catch (DirectoryNotFoundException)
        {
            return true;
        }
        catch (Exception busy) when (busy is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    public static IReadOnlyList<string> Lines(string directory, string file)
    {
        var path = Path.Combine(directory, file);
        return File.Exists(path) ? File.ReadAllLines(path) : [];
    }

    private void Write(string file, long value) =>
        File.WriteAllText(Path.Combine(directory, file), value.ToString(CultureInfo.InvariantCulture));
}
