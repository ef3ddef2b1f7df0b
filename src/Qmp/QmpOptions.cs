namespace VmCacheCluster.Qmp;

/// <summary>Deadlines and limits of one monitor connection.</summary>
public sealed record QmpOptions
{
    public static readonly QmpOptions Default = new();

    /// <summary>For connecting, and again for the greeting and for the negotiation.</summary>
    public TimeSpan GreetingDeadline { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>For each command that names no deadline of its own.</summary>
    public TimeSpan CommandDeadline { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>The longest line in bytes; a longer one ends the connection.</summary>
    public int MaxLineBytes { get; init; } = 4 * 1024 * 1024;

    /// <summary>
    /// The events that are kept; all others are dropped before the queue. A guest can cause some events as often as it
    /// likes (RTC_CHANGE, GUEST_CRASHLOADED, VSERPORT_CHANGE); none of these here.
    /// </summary>
    public IReadOnlySet<string> Events { get; init; } =
        new HashSet<string>(StringComparer.Ordinal) { "SHUTDOWN", "STOP", "RESUME", "GUEST_PANICKED" };

    /// <summary>Events waiting to be read; beyond it the oldest is dropped and counted.</summary>
    public int EventCapacity { get; init; } = 128;
}
