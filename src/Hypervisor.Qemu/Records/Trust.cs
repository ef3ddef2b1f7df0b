using System.Runtime.InteropServices;
using VmCacheCluster.Hypervisor.Qemu.Processes;

namespace VmCacheCluster.Hypervisor.Qemu.Records;

/// <summary>What in the host's directories is ours.</summary>
public static class Trust
{
    private const uint TypeMask = 0xF000, TypeDirectory = 0x4000, TypeLink = 0xA000;

    /// <summary>The user whose it is, where that is another one than ours (root may be trusted anyway); null else. Links are followed.</summary>
    public static unsafe uint? Foreigner(string path)
    {
        const int user = 28;
        var stat = stackalloc byte[256];
        if (Native.Stat(path, stat) != 0) return null;
        var owner = *(uint*)(stat + user);
        return owner == Native.EffectiveUser() || owner == 0 ? null : owner;
    }

    /// <summary>Why a directory is not to be believed or touched; null when it is a plain directory of our own user.</summary>
    public static unsafe string? Fault(string directory)
    {
        const int mode = 24, user = 28;
        var stat = stackalloc byte[256];
        if (Native.LinkStat(directory, stat) != 0) return $"{directory} cannot be read: {Marshal.GetLastPInvokeErrorMessage()}";
        var type = *(uint*)(stat + mode) & TypeMask;
        if (type == TypeLink) return $"{directory} is a symbolic link";
        if (type != TypeDirectory) return $"{directory} is no directory";
        var owner = *(uint*)(stat + user);
        return owner == Native.EffectiveUser() ? null : $"{directory} belongs to user {owner}";
    }
}
