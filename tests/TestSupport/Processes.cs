using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;

namespace VmCacheCluster.Tests.TestSupport;

/// <summary>Processes of this host, as /proc shows them.</summary>
public static class Processes
{
    public const int Sigterm = 15;
    public const int Sigkill = 9;
    public const int Sigcont = 18;
    public const int Sigstop = 19;

    /// <summary>A zombie is dead, once its last thread has ended.</summary>
    public static bool IsAlive(long pid)
    {
        try
        {
            var stat = File.ReadAllText($"/proc/{pid}/stat");
            var fields = stat[(stat.LastIndexOf(')') + 2)..].Split(' ');
            const int state = 0, threads = 17;
            return fields[state] is not ("Z" or "X") || int.Parse(fields[threads], CultureInfo.InvariantCulture) > 1;
        }
        catch (IOException)
        {
            return false;
        }
    }

    /// <summary>As /proc has it, such as S, or T of one that is suspended; X: it is gone.</summary>
    public static char State(long pid)
    {
        try
        {
            var stat = File.ReadAllText($"/proc/{pid}/stat");
            return stat[stat.LastIndexOf(')') + 2];
        }
        catch (IOException)
        {
            return 'X';
        }
    }

    /// <summary>SIGKILL; returns when it is dead, for a signal that is only on its way has not killed yet.</summary>
    public static async Task KillAsync(long pid)
    {
        Signal(pid, Sigkill);
        await Eventually.Async(() => !IsAlive(pid), $"process {pid} is dead");
    }

    /// <summary>The arguments of a process, joined by spaces; empty when it is gone.</summary>
    public static string CommandLine(long pid)
    {
        try
        {
            return Encoding.UTF8.GetString(File.ReadAllBytes($"/proc/{pid}/cmdline")).Replace('\0', ' ').TrimEnd();
        }
        catch (IOException)
        {
            return "";
        }
    }

    /// <summary>Living processes that have this text among their arguments.</summary>
    public static IReadOnlyList<int> Naming(string text) =>
        [.. Directory.EnumerateDirectories("/proc")
            .Select(d => int.TryParse(Path.GetFileName(d), NumberStyles.None, CultureInfo.InvariantCulture, out var pid) ? pid : 0)
            .Where(pid => pid > 1 && pid != Environment.ProcessId && CommandLine(pid).Contains(text, StringComparison.Ordinal) && IsAlive(pid))];

    /// <summary>One that is gone already is as good.</summary>
    public static void Signal(long pid, int signal)
    {
        if (pid <= 1) throw new ArgumentOutOfRangeException(nameof(pid), pid, "not a process of a test");
        _ = Kill((int)pid, signal);
    }

    [DllImport("libc", EntryPoint = "kill")]
    private static extern int Kill(int pid, int signal);
}
