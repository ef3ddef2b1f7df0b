using VmCacheCluster.Hypervisor.Qemu.Processes;

namespace VmCacheCluster.Hypervisor.Qemu.Users;

/// <summary>How a device may be opened by a VM's user. Access lists beside mode and group do not count.</summary>
internal static unsafe class DeviceAccess
{
    private const int ModeOffset = 24, GroupOffset = 32;
    private const uint OfOthers = 0b110, OfGroup = 0b110_000;

    /// <summary>The group that may read and write it; null: none may, or everybody.</summary>
    public static uint? Group(string device) => Read(device) is var (mode, group) ? GroupOf(mode, group) : null;

    /// <summary>Whether a user that is in its group may read and write it.</summary>
    public static bool IsOpen(string device) => Read(device) is var (mode, group) && IsOpen(mode, group);

    internal static uint? GroupOf(uint mode, uint group) => (mode & OfOthers) != OfOthers && IsOpen(mode, group) ? group : null;

    /// <summary>No VM is put into root's group, whatever that may open.</summary>
    internal static bool IsOpen(uint mode, uint group) => (mode & OfOthers) == OfOthers || ((mode & OfGroup) == OfGroup && group != 0);

    private static (uint Mode, uint Group)? Read(string device)
    {
        var stat = stackalloc byte[256];
        return Native.Stat(device, stat) == 0 ? (*(uint*)(stat + ModeOffset), *(uint*)(stat + GroupOffset)) : null;
    }
}
