using System.Runtime.InteropServices;
using System.Text.RegularExpressions;

namespace VmCacheCluster.Tests.TestSupport;

/// <summary>Mounts that a test makes on this host. Whoever makes one takes it away by <see cref="DetachBelow"/>, also when the test fails.</summary>
public static partial class Mounts
{
    private const ulong BindFlag = 4096;
    private const int DetachFlag = 2, NoFollowFlag = 8;

    /// <summary>Why a test cannot mount here; null: it can.</summary>
    public static string? Refusal { get; } = FindRefusal();

    /// <summary>Makes a directory (or file) appear at another one, which is of the same device then.</summary>
    public static void Bind(string source, string target)
    {
        if (Mount(source, target, null, BindFlag, 0) != 0)
            throw new IOException($"cannot mount {source} at {target}: {Marshal.GetLastPInvokeErrorMessage()}");
    }

    /// <summary>The mount points at and below a directory, stacked ones as often as they are there.</summary>
    public static IReadOnlyList<string> Below(string directory) =>
        [.. File.ReadAllLines("/proc/self/mountinfo").Select(line => Plain(line.Split(' ')[4]))
            .Where(point => point == directory || point.StartsWith(directory + "/", StringComparison.Ordinal))];

    /// <summary>Takes away every mount at and below a directory.</summary>
    public static void DetachBelow(string directory)
    {
        while (Below(directory) is { Count: > 0 } points)
            if (points.Reverse().All(point => Unmount(point, DetachFlag | NoFollowFlag) != 0))
                throw new IOException($"cannot unmount {points[0]}: {Marshal.GetLastPInvokeErrorMessage()}");
    }

    private static string? FindRefusal()
    {
        var probe = Directory.CreateTempSubdirectory("vmm-");
        try
        {
            Bind(probe.FullName, probe.FullName);
            DetachBelow(probe.FullName);
            return null;
        }
        catch (IOException e)
        {
            return e.Message;
        }
        finally
        {
            probe.Delete();
        }
    }

    private static string Plain(string escaped) => Octal().Replace(escaped, m => ((char)Convert.ToInt32(m.Groups[1].Value, 8)).ToString());

    [GeneratedRegex(@"\\([0-7]{3})")]
    private static partial Regex Octal();

    [DllImport("libc", EntryPoint = "mount", SetLastError = true)]
    private static extern int Mount(string source, string target, string? type, ulong flags, nint data);

    [DllImport("libc", EntryPoint = "umount2", SetLastError = true)]
    private static extern int Unmount(string target, int flags);
}
