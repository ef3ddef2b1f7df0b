using System.Security.Cryptography;

namespace VmCacheCluster.Agent;

/// <summary>Limits of one client connection.</summary>
public sealed record TtrpcClientOptions
{
    /// <summary>The longest payload sent or taken, in bytes.</summary>
    public int MaxPayload { get; init; } = TtrpcFrame.LargestPayload;

    /// <summary>
    /// How many bytes of one stream may wait for its reader (one message more is taken); then the whole connection waits.
    /// </summary>
    public int StreamBuffer { get; init; } = 1024 * 1024;

    /// <summary>The deadline of calls that name none; null for none.</summary>
    public TimeSpan? DefaultTimeout { get; init; }

    /// <summary>How long a frame of the peer may stay incomplete; null for ever (a paused guest may stop in mid-frame).</summary>
    public TimeSpan? FrameTimeout { get; init; }

    /// <summary>
    /// The first stream id, odd. By default random below 2^20, since a late answer to an earlier client of the same
    /// virtio-serial channel must not be taken for ours.
    /// </summary>
    public uint FirstStreamId { get; init; } = (uint)RandomNumberGenerator.GetInt32(1 << 19) * 2 + 1;
}
