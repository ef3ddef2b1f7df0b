using System.Runtime.InteropServices;
using VmCacheCluster.Hypervisor.Qemu.Processes;

namespace VmCacheCluster.Hypervisor.Qemu.Records;

/// <summary>What in the host's directories is ours.</summary>
public static class Trust
{
    private const uint TypeMask = 0xF000, TypeDirectory = 0x4000, TypeLink = 0xA000;

    /// <summary>The user that we are.</summary>
    public static uint Us => Native.EffectiveUser();

    /// <summary>The user whose it is; null: that cannot be told. Links are followed.</summary>
    public static unsafe uint? OwnerOf(string path)
    {
        const int user = 28;
        var stat = stackalloc byte[256];
        return Native.Stat(path, stat) == 0 ? *(uint*)(stat + user) : null;
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
