using System.Globalization;
using VmCacheCluster.Domain;

namespace VmCacheCluster.Hypervisor.Qemu.Users;

/// <summary>The users that the host knows by its files.</summary>
public static class HostUsers
{
    /// <summary>What a range takes from others, for a person; null: nothing.</summary>
    /// <param name="root">Of the file system; "/".</param>
    public static string? Overlap(UserRange range, string root = "/") =>
        Of(range, Path.Combine(root, "etc/passwd"), "user") ?? Of(range, Path.Combine(root, "etc/group"), "group")
        ?? Subordinate(range, Path.Combine(root, "etc/subuid")) ?? Subordinate(range, Path.Combine(root, "etc/subgid"));

    /// <summary>Whether each number of the range is a user in our user namespace.</summary>
    public static bool Has(UserRange range, string map = "/proc/self/uid_map") =>
        Lines(map).Any(line => line.Split(' ', StringSplitOptions.RemoveEmptyEntries) is [var inside, _, var length]
            && Number(inside) is { } first && Number(length) is { } count && range.First >= first && range.Last < first + count);

    private static string? Of(UserRange range, string file, string what)
    {
        foreach (var line in Lines(file))
            if (line.Split(':') is [var name, _, var number, ..] && Number(number) is { } id && id <= uint.MaxValue && range.Contains((uint)id))
                return $"{what} {name} of {file} has number {id}";
        return null;
    }

    private static string? Subordinate(UserRange range, string file)
    {
        foreach (var line in Lines(file))
            if (line.Split(':') is [var name, var start, var length] && Number(start) is { } first && Number(length) is { } count
                && first <= range.Last && first + count > range.First)
                return $"{file} gives {name} the numbers {first} to {first + count - 1}";
        return null;
    }

    private static IEnumerable<string> Lines(string file)
    {
        try
        {
            return File.ReadAllLines(file);
        }
        catch (Exception fault) when (fault is FileNotFoundException or DirectoryNotFoundException or UnauthorizedAccessException)
        {
            return [];
        }
    }

    private static long? Number(string text) =>
        uint.TryParse(text.Trim(), NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : null;
}
