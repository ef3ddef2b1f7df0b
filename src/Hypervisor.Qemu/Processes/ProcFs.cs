using System.Globalization;
using System.Text;
using VmCacheCluster.Domain;
using VmCacheCluster.Domain.Ports;

namespace VmCacheCluster.Hypervisor.Qemu.Processes;

/// <summary>What /proc says of a process.</summary>
internal static class ProcFs
{
    /// <summary>Start time in clock ticks since boot; null when the process is gone or a zombie.</summary>
    public static ulong? StartTime(int pid)
    {
        try
        {
            return ParseStartTime(File.ReadAllText($"/proc/{pid}/stat"));
        }
        catch (IOException)
        {
            return null;
        }
        catch (UnauthorizedAccessException)
        {
            return null;
        }
    }

    /// <summary>The command's name is in parentheses and may itself hold spaces and parentheses.</summary>
    internal static ulong? ParseStartTime(string stat)
    {
        var fields = stat[(stat.LastIndexOf(')') + 1)..].Split(' ', StringSplitOptions.RemoveEmptyEntries);
        const int state = 0, startTime = 19;
        if (fields.Length <= startTime || fields[state] is "Z" or "X") return null;
        return ulong.TryParse(fields[startTime], NumberStyles.None, CultureInfo.InvariantCulture, out var ticks) ? ticks : null;
    }

    /// <summary>The state in a stat file of a process or thread, such as R or S.</summary>
    /// <exception cref="IOException">It is gone.</exception>
    public static char State(string file)
    {
        var stat = File.ReadAllText(file);
        return stat[stat.LastIndexOf(')') + 2];
    }

    /// <summary>Whether one argument of the process is exactly this text.</summary>
    public static bool HasArgument(int pid, string argument) => Arguments(pid).Contains(argument);

    /// <summary>The processes that have an argument which begins so, with that argument.</summary>
    public static IEnumerable<(int Pid, string Argument)> WithArgument(string prefix)
    {
        foreach (var directory in Directory.EnumerateDirectories("/proc"))
            if (int.TryParse(Path.GetFileName(directory), NumberStyles.None, CultureInfo.InvariantCulture, out var pid)
                && Arguments(pid).FirstOrDefault(a => a.StartsWith(prefix, StringComparison.Ordinal)) is { } argument)
                yield return (pid, argument);
    }

    /// <summary>The processes that were started with this in their environment, NAME=VALUE, as far as we may look.</summary>
    public static IEnumerable<ProcessIdentity> WithVariable(string variable)
    {
        foreach (var directory in Directory.EnumerateDirectories("/proc"))
            if (int.TryParse(Path.GetFileName(directory), NumberStyles.None, CultureInfo.InvariantCulture, out var pid)
                && StartTime(pid) is { } start && Strings(pid, "environ").Contains(variable))
                yield return new ProcessIdentity(pid, start);
    }

    /// <summary>What became of a recorded process.</summary>
    public static FoundProcess Find(VmId id, int pid, ulong? startTime)
    {
        using (var ours = OpenQemu(id, pid, startTime))
            if (ours is not null) return FoundProcess.Alive;
        return pid > 1 && StartTime(pid) is not null ? FoundProcess.Reused : FoundProcess.Gone;
    }

    private static string[] Arguments(int pid) => Strings(pid, "cmdline");

    private static string[] Strings(int pid, string file)
    {
        try
        {
            return Encoding.UTF8.GetString(File.ReadAllBytes($"/proc/{pid}/{file}")).Split('\0');
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            return [];
        }
    }

    /// <summary>
    /// The process, if it is provably the QEMU of this VM: it has the VM's UUID among its arguments and, where that is
    /// known, the recorded start time. The descriptor is opened first, so that no later process can slip in between.
    /// </summary>
    public static PidFd? OpenQemu(VmId id, int pid, ulong? startTime)
    {
        if (pid <= 1 || PidFd.Open(pid) is not { } process) return null;
        var proved = StartTime(pid) is { } actual && (startTime is null || startTime == actual)
            && HasArgument(pid, id.Value) && process.IsAlive();
        if (proved) return process;
        process.Dispose();
        return null;
    }
}
