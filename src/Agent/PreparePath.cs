using System.Text;

namespace VmCacheCluster.Agent;

/// <summary>Where our guest writes a file at a Prepare: the one set of rules, for the guest and for whoever asks it.</summary>
public static class PreparePath
{
    /// <summary>Stands beside a file that is being written, and takes its place when it is complete.</summary>
    public const string Draft = ".vmcache-prepare.tmp";

    /// <summary>In bytes of UTF-8.</summary>
    public const int Longest = 4000, LongestPart = 255;

    /// <summary>Why no file may be there, as the end of a sentence about the path; null: one may.</summary>
    public static string? Fault(string path)
    {
        var parts = path.Split('/');
        if (parts[0].Length > 0 || parts.Length < 2) return "is not absolute";
        if (path.Contains('\0')) return "holds a NUL character";
        if (Encoding.UTF8.GetByteCount(path) > Longest) return $"is longer than {Longest} bytes";
        for (var i = 1; i < parts.Length; i++)
        {
            if (parts[i] is "" or "." or "..") return "has a part that is empty, '.' or '..'";
            if (Encoding.UTF8.GetByteCount(parts[i]) > LongestPart) return $"has a part longer than {LongestPart} bytes";
        }

        if (parts[^1] == Draft) return "is a name that the guest uses itself";
        if (path is "/etc/machine-id" or "/etc/hostname") return "is written from machine_id and hostname";
        return parts[1] is "proc" or "sys" or "dev" ? "lies where the kernel has its own files" : null;
    }

    /// <summary>The directories above a path without <see cref="Fault"/>, outermost first, without the root.</summary>
    public static IReadOnlyList<string> DirectoriesAbove(string path)
    {
        var directories = new List<string>();
        for (var at = path.IndexOf('/', 1); at > 0; at = path.IndexOf('/', at + 1)) directories.Add(path[..at]);
        return directories;
    }
}
