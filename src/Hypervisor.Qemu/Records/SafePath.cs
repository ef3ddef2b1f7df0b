using System.Runtime.InteropServices;
using VmCacheCluster.Hypervisor.Qemu.Processes;

namespace VmCacheCluster.Hypervisor.Qemu.Records;

/// <summary>
/// Whether a directory is out of the reach of other users: its owner, and that of each directory and symbolic link on the way to it, is root or
/// our own user, and no user but these may write there. Whoever may write to a directory can put something else in the place of what is in it. The groups
/// root, and the one that has our user's number as many systems give each user, count as ours.
/// </summary>
public static unsafe class SafePath
{
    private const int MostLinks = 40;
    private const uint TypeMask = 0xF000, TypeDirectory = 0x4000, TypeLink = 0xA000;
    private const uint Sticky = 0x200, GroupMayWrite = 0x10, OthersMayWrite = 0x2;

    /// <summary>What is wrong with it, for a person; null when all is well, as far as it is there.</summary>
    /// <param name="directory">An absolute path.</param>
    /// <param name="shared">Others may write to the directory itself if it is sticky, as /tmp is, and its group may: what we make in it is ours.</param>
    public static string? Fault(string directory, bool shared = false)
    {
        var (links, at) = (0, "/");
        var parts = new Stack<string>(Parts(directory));
        while (true)
        {
            if (FaultOf(at, isLast: parts.Count == 0, shared) is { } fault) return fault;
            if (!parts.TryPop(out var part)) return null;
            if (part == "..")
            {
                at = Path.GetDirectoryName(at) ?? "/";
                continue;
            }

            var next = Path.Combine(at, part);
            // What is not there yet we make ourselves.
            if (Look(next) is not { } entry) return null;
            if ((entry.Mode & TypeMask) != TypeLink)
            {
                at = next;
                continue;
            }

            if (!IsTrusted(entry.User)) return $"{next} is a symbolic link of user {entry.User}";
            if (++links > MostLinks) return $"{directory} leads through more than {MostLinks} symbolic links";
            var target = new FileInfo(next).LinkTarget ?? "";
            if (Path.IsPathRooted(target)) at = "/";
            foreach (var each in Parts(target)) parts.Push(each);
        }
    }

    private static string? FaultOf(string directory, bool isLast, bool shared)
    {
        if (Look(directory) is not { } entry) return null;
        if ((entry.Mode & TypeMask) != TypeDirectory) return $"{directory} is no directory";
        if (!IsTrusted(entry.User)) return $"{directory} belongs to user {entry.User}, who can put anything in its place{(isLast ? ": have it belong to root or to the daemon's user (chown)" : "")}";
        var others = (entry.Mode & OthersMayWrite) != 0;
        var group = (entry.Mode & GroupMayWrite) != 0 && entry.Group != 0 && !(entry.Group == Native.EffectiveGroup() && entry.Group == Native.EffectiveUser());
        // In a sticky directory nobody removes or renames what is another's. What is expected in one that is ours alone could still be put there.
        if ((others || group) && (entry.Mode & Sticky) != 0 && (!isLast || shared)) return null;
        if (group && !others && isLast && shared) return null;
        return others ? $"every user may write to {directory}: take that right away (chmod o-w {directory})"
            : group ? $"group {entry.Group} may write to {directory}: take that right away (chmod g-w {directory})"
            : null;
    }

    private static bool IsTrusted(uint user) => user == 0 || user == Native.EffectiveUser();

    /// <summary>In the order in which a stack gives them.</summary>
    private static IEnumerable<string> Parts(string path) => path.Split('/', StringSplitOptions.RemoveEmptyEntries).Where(p => p != ".").Reverse();

    private static (uint Mode, uint User, uint Group)? Look(string path)
    {
        const int mode = 24, user = 28, group = 32;
        var stat = stackalloc byte[256];
        return Native.LinkStat(path, stat) == 0 ? (*(uint*)(stat + mode), *(uint*)(stat + user), *(uint*)(stat + group)) : null;
    }
}
