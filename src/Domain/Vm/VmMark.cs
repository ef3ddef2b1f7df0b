namespace VmCacheCluster.Domain;

/// <summary>Ownership and intent, as kept in a VM's state file: enough to know after a crash whose VM this is.</summary>
public enum VmOwnership
{
    /// <summary>Being made; worthless to a later process of the daemon.</summary>
    Making = 1,
    /// <summary>In the pool.</summary>
    Warm = 2,
    /// <summary>Handed to a caller, whose answer may or may not have arrived, and who has not acted yet.</summary>
    Reserved = 3,
    /// <summary>Handed out, and the holder has not acted yet.</summary>
    Unconfirmed = 4,
    /// <summary>Handed out, and the holder has acted.</summary>
    Confirmed = 5,
    /// <summary>To be ended.</summary>
    Stopping = 6,
    /// <summary>Being made somebody's own: resumed, plugged, given its identity. Nobody else can have it any more.</summary>
    Preparing = 7,
}

/// <summary>By which interface a VM was handed out.</summary>
public enum HandOutPath { None = 0, Kata = 1, V1 = 2 }

/// <summary>How a caller's VM came to it.</summary>
public enum Served { Unknown = 0, Warm = 1, OnDemand = 2 }

/// <param name="Since">When this ownership began.</param>
/// <param name="Expires">When its lease ends; null: it has none that ends by itself.</param>
/// <param name="GuestCpu">CPU time that the guest had used when this was written (<see cref="Ports.IVm.ReadGuestCpu"/>); zero: not known.</param>
public sealed record VmMark(
    VmOwnership Ownership, HandOutPath Path, Served Served, HostTime Since, HostTime? Expires = null, TimeSpan GuestCpu = default)
{
    /// <summary>Somebody has it, or is about to have it: he may resume it at any time.</summary>
    public bool HandedOut => Ownership is VmOwnership.Reserved or VmOwnership.Preparing or VmOwnership.Unconfirmed or VmOwnership.Confirmed;
}

/// <summary>A time that survives a restart of the daemon and means nothing after a restart of the host.</summary>
/// <param name="BootId">/proc/sys/kernel/random/boot_id.</param>
/// <param name="SinceBoot">CLOCK_BOOTTIME.</param>
public readonly record struct HostTime(Guid BootId, TimeSpan SinceBoot);
