using System.Globalization;
using System.Text;
using VmCacheCluster.Domain;
using VmCacheCluster.Domain.Ports;
using VmCacheCluster.Hypervisor.Qemu.CommandLine;
using VmCacheCluster.Hypervisor.Qemu.Records;

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
        catch (Exception fault) when ((fault is IOException or UnauthorizedAccessException) && !HostFailures.IsShortage(fault))
        {
            return null;
        }
    }

    /// <summary>The processes that this one has started and that have not ended.</summary>
    public static IEnumerable<int> ChildrenOf(int parent) => Pids().Where(pid => ParentOf(pid) == parent);

    private static IEnumerable<int> Pids()
    {
        foreach (var directory in Directory.EnumerateDirectories("/proc"))
            if (int.TryParse(Path.GetFileName(directory), NumberStyles.None, CultureInfo.InvariantCulture, out var pid)) yield return pid;
    }

    private static int? ParentOf(int pid)
    {
        try
        {
            var stat = File.ReadAllText($"/proc/{pid}/stat");
            const int parent = 1;
            return int.Parse(stat[(stat.LastIndexOf(')') + 1)..].Split(' ', StringSplitOptions.RemoveEmptyEntries)[parent], CultureInfo.InvariantCulture);
        }
        catch (Exception fault) when ((fault is IOException or UnauthorizedAccessException) && !HostFailures.IsShortage(fault))
        {
            return null;
        }
    }

    /// <summary>CAP_SYS_ADMIN, which no VM keeps.</summary>
    private const int SysAdmin = 21;

    /// <summary>The users that have processes.</summary>
    public static HashSet<uint> Users() => [.. Pids().Select(pid => Trust.OwnerOf($"/proc/{pid}")).OfType<uint>()];

    /// <summary>The user that a process runs as; null: it is gone.</summary>
    public static uint? UserOf(int pid) => RightsOf(pid)?.User;

    /// <summary>The user that a process runs as, and whether root's capabilities are out of its reach; null: it is gone.</summary>
    public static (uint User, bool IsCut)? RightsOf(int pid)
    {
        try
        {
            var status = File.ReadAllLines($"/proc/{pid}/status");
            // Real, effective, saved, of the file system. The owner of the directory in /proc is root where a program may not be read.
            return Field("Uid:") is [_, var effective, ..] && uint.TryParse(effective, NumberStyles.None, CultureInfo.InvariantCulture, out var user)
                ? (user, Field("CapBnd:") is [var most] && ulong.TryParse(most, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var bits) && (bits >> SysAdmin & 1) == 0)
                : null;

            string[] Field(string name) =>
                status.FirstOrDefault(line => line.StartsWith(name, StringComparison.Ordinal))?[name.Length..].Split('\t', StringSplitOptions.RemoveEmptyEntries) ?? [];
        }
        catch (Exception fault) when ((fault is IOException or UnauthorizedAccessException) && !HostFailures.IsShortage(fault))
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

    /// <summary>
    /// The processes whose arguments are those of a VM's QEMU: its id as -uuid, and its <see cref="VmMarker"/>. That one of them merely names
    /// a VM (a grep, an editor) makes no process a VM.
    /// </summary>
    /// <param name="root">The directory in which the VMs' directories are.</param>
    /// <param name="isOurs">Whether a user's processes may be VMs of ours: anybody may give a program such arguments.</param>
    public static IEnumerable<(VmId Id, int Pid)> Qemus(string root, Func<uint, bool> isOurs)
    {
        foreach (var pid in Pids())
            if (Arguments(pid) is var arguments
                && Following(arguments, "-uuid") is { } uuid && VmId.TryParse(uuid, out var id)
                && VmMarker.IsOf(option => Following(arguments, option), Path.Combine(root, id.Value))
                && UserOf(pid) is { } user && isOurs(user))
                yield return (id, pid);
    }

    /// <summary>The processes that were started with this in their environment, NAME=VALUE, as far as we may look.</summary>
    public static IEnumerable<ProcessIdentity> WithVariable(string variable)
    {
        foreach (var pid in Pids())
            if (StartTime(pid) is { } start && Strings(pid, "environ").Contains(variable))
                yield return new ProcessIdentity(pid, start);
    }

    /// <summary>The same of one process, wherever the VM's directory was when it was started.</summary>
    public static bool IsQemu(int pid, VmId id)
    {
        var arguments = Arguments(pid);
        return Following(arguments, "-uuid") == id.Value && VmMarker.IsOf(option => Following(arguments, option), id);
    }

    private static string? Following(string[] arguments, string option) =>
        Array.IndexOf(arguments, option) is >= 0 and var at && at + 1 < arguments.Length ? arguments[at + 1] : null;

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
        catch (Exception fault) when ((fault is IOException or UnauthorizedAccessException) && !HostFailures.IsShortage(fault))
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
        var proved = false;
        try
        {
            proved = StartTime(pid) is { } actual && (startTime is null || startTime == actual)
                && HasArgument(pid, id.Value) && process.IsAlive();
            return proved ? process : null;
        }
        finally
        {
            if (!proved) process.Dispose();
        }
    }
}
