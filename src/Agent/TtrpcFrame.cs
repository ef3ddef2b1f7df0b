namespace VmCacheCluster.Agent;

/// <summary>The kinds of frame that ttRPC knows.</summary>
public enum TtrpcFrameType : byte
{
    Request = 1,
    Response = 2,
    Data = 3,
}

/// <summary>What a frame says about the stream it belongs to.</summary>
[Flags]
public enum TtrpcFrameFlags : byte
{
    None = 0,
    /// <summary>The sender will send no more on this stream.</summary>
    RemoteClosed = 1,
    /// <summary>The sender of a request will send data on this stream.</summary>
    RemoteOpen = 2,
    /// <summary>The frame carries no message (an empty message is not the same as none).</summary>
    NoData = 4,
}

/// <summary>One ttRPC frame: a ten-byte big-endian header (payload length, stream id, type, flags) and its payload.</summary>
public readonly record struct TtrpcFrame(uint StreamId, TtrpcFrameType Type, TtrpcFrameFlags Flags, ReadOnlyMemory<byte> Payload)
{
    public const int HeaderLength = 10;

    /// <summary>The largest payload the protocol allows, in bytes.</summary>
    public const int LargestPayload = 4 * 1024 * 1024;

    public bool Has(TtrpcFrameFlags flag) => (Flags & flag) != 0;
}
