using System.Globalization;
using System.Text.RegularExpressions;

namespace VmCacheCluster.Cli.Doctor;

/// <summary>Readers of what a Linux host says about itself; pure.</summary>
internal static partial class HostFormats
{
    /// <summary>From <c>QEMU emulator version 7.2.22 (Debian ...)</c>; null when there is no version in it.</summary>
    internal static Version? QemuVersion(string line) =>
        Version.TryParse(VersionWord().Match(line).Groups[1].Value, out var version) ? version : null;

    /// <summary>From /proc/meminfo; a line that is missing counts as 0.</summary>
    internal static MemoryFacts Memory(IEnumerable<string> lines)
    {
        var values = new Dictionary<string, long>(StringComparer.Ordinal);
        foreach (var line in lines)
        {
            if (line.Split([':', ' '], StringSplitOptions.RemoveEmptyEntries) is [var key, var text, ..]
                && long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var value))
            {
                values[key] = value;
            }
        }

        long Of(string key) => values.GetValueOrDefault(key);
        return new MemoryFacts(
            Of("MemTotal") / 1024, Of("MemAvailable") / 1024, Of("HugePages_Total"), Of("HugePages_Free"), Of("Hugepagesize"));
    }

    /// <summary>The type of the file system that holds an absolute path, from /proc/self/mountinfo.</summary>
    internal static string FileSystem(IEnumerable<string> mountInfo, string path)
    {
        var (longest, type) = ("", "unknown");
        foreach (var line in mountInfo)
        {
            var words = line.Split(' ');
            var dash = Array.IndexOf(words, "-");
            if (dash < 5 || dash + 1 >= words.Length)
            {
                continue;
            }

            var mount = words[4].Replace("\\040", " ");
            // The last of equally long mounts lies on top of the others.
            if (mount.Length >= longest.Length && IsWithin(path, mount))
            {
                (longest, type) = (mount, words[dash + 1]);
            }
        }

        return type;
    }

    private static bool IsWithin(string path, string directory) =>
        directory == "/" || path == directory || path.StartsWith(directory + "/", StringComparison.Ordinal);

    [GeneratedRegex(@"version (\d+\.\d+(?:\.\d+)?)", RegexOptions.CultureInvariant)]
    private static partial Regex VersionWord();
}
