namespace VmCacheCluster.Domain;

/// <summary>Why a VM failed, in kinds that different people can act on.</summary>
public enum VmFailureKind
{
    /// <summary>A file or setting of the pool is wrong (missing kernel, no QEMU): cheap to check again.</summary>
    Configuration,
    /// <summary>The host lacks something (memory, disk space, permission).</summary>
    Host,
    /// <summary>QEMU did not start, or its monitor never greeted.</summary>
    Start,
    /// <summary>The guest did not come up: no kernel, a panic, a reset, an agent that never answered.</summary>
    Boot,
    /// <summary>The agent answered, but not as it must.</summary>
    Agent,
    /// <summary>QEMU's process is gone.</summary>
    Exited,
    /// <summary>The monitor broke, or did not answer in time.</summary>
    Monitor,
    /// <summary>The guest stopped itself: shutdown, reset or panic of a VM that was up.</summary>
    GuestStopped,
    /// <summary>vCPUs or memory that a holder asked for could not be plugged or brought online: the same would befall another VM.</summary>
    Growth,
    /// <summary>The daemon gave the operation up (shutting down, cancelled).</summary>
    Cancelled,
    /// <summary>A fault of ours.</summary>
    Internal,
}

/// <summary>A failure of the world, as a value: it travels in messages.</summary>
/// <param name="Kind">Who can act on it.</param>
/// <param name="Message">What went wrong and where, in one line for a person, QEMU's own words included.</param>
/// <param name="Remedy">What to do about it; empty when nothing general can be said.</param>
public sealed record VmFailure(VmFailureKind Kind, string Message, string Remedy = "")
{
    // Guests and QEMUs have their words in both.
    public string Message { get; init; } = Printable.OneLine(Message);

    public string Remedy { get; init; } = Printable.OneLine(Remedy);

    public override string ToString() => Remedy.Length == 0 ? Message : $"{Message} ({Remedy})";
}

/// <summary>How the ports report a <see cref="VmFailure"/>; actors turn it into a message at once.</summary>
public sealed class VmFailedException(VmFailure failure, Exception? inner = null) : Exception(failure.ToString(), inner)
{
    public VmFailure Failure { get; } = failure;

    /// <summary>Of a VM that could not be made: why something of it is left; null: nothing is.</summary>
    public VmFailure? Left { get; init; }
}
