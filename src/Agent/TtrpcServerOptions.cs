namespace VmCacheCluster.Agent;

/// <summary>Limits of a server, for each connection.</summary>
public sealed record TtrpcServerOptions
{
    /// <summary>The longest payload sent or taken, in bytes.</summary>
    public int MaxPayload { get; init; } = TtrpcFrame.LargestPayload;

    /// <summary>More calls at once are answered RESOURCE_EXHAUSTED.</summary>
    public int MaxConcurrentCalls { get; init; } = 64;

    /// <summary>
    /// How many bytes of one stream may wait for its handler (one message more is taken); then the whole connection waits.
    /// </summary>
    public int StreamBuffer { get; init; } = 1024 * 1024;

    /// <summary>
    /// The stream is a channel that carries one client after another and does not tell when they change, such as
    /// virtio-serial in the guest. A client's stream ids only increase, so a request whose id does not is a new client's:
    /// calls that still run are the old one's, they are cancelled and send nothing more. A new client whose first id happens
    /// to be higher is not noticed.
    /// </summary>
    public bool ClientsChangeUnseen { get; init; }

    /// <summary>How long a frame may stay incomplete before it is malformed; null for ever.</summary>
    public TimeSpan? FrameTimeout { get; init; }
}

/// <summary>How a connection that was served came to its end.</summary>
public enum TtrpcEndKind
{
    /// <summary>The peer closed it between two frames.</summary>
    Closed,
    /// <summary>The peer sent what is no ttRPC, or a frame that stayed incomplete.</summary>
    Malformed,
    /// <summary>Reading or writing failed.</summary>
    Broken,
}

/// <param name="Detail">What happened, for a person.</param>
/// <param name="IgnoredFrames">Frames for streams that were not (or no longer) there.</param>
public sealed record TtrpcEnd(TtrpcEndKind Kind, string Detail, long IgnoredFrames);
