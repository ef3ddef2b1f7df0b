using Grpc.Core;

namespace VmCacheCluster.Client;

/// <summary>A call that a node refused, or that did not reach it.</summary>
/// <param name="code">The gRPC status.</param>
/// <param name="reason">Machine-readable, upper case: the node's <c>google.rpc.ErrorInfo.reason</c>, or one of <see cref="Reasons"/>.</param>
/// <param name="message">What went wrong and where.</param>
/// <param name="inner">What it came from.</param>
public sealed class VmCacheException(StatusCode code, string reason, string message, Exception? inner = null)
    : Exception(message, inner)
{
    public StatusCode Code { get; } = code;

    public string Reason { get; } = reason;

    /// <summary><c>google.rpc.ErrorInfo.metadata</c>; empty when the node sent none.</summary>
    public IReadOnlyDictionary<string, string> Metadata { get; init; } = new Dictionary<string, string>();

    /// <summary><c>google.rpc.RetryInfo.retry_delay</c>: when another try may succeed.</summary>
    public TimeSpan? RetryAfter { get; init; }
}

/// <summary>Reasons that this library itself gives.</summary>
public static class Reasons
{
    /// <summary>There is no socket at the endpoint's path.</summary>
    public const string NoSocket = "NO_SOCKET";

    /// <summary>There is a socket, but no process listens at it.</summary>
    public const string NotListening = "NOT_LISTENING";

    /// <summary>The socket's or its directory's permissions keep us out.</summary>
    public const string SocketPermission = "SOCKET_PERMISSION";

    /// <summary>The connection was made and lost.</summary>
    public const string ConnectionLost = "CONNECTION_LOST";

    /// <summary>vmcached has as many connections open as it allows.</summary>
    public const string TooManyConnections = "TOO_MANY_CONNECTIONS";

    /// <summary>What listens there does not speak this API.</summary>
    public const string NotVmcached = "NOT_VMCACHED";

    /// <summary>No answer by the deadline.</summary>
    public const string Deadline = "DEADLINE";

    /// <summary>The guest's agent did not answer, or refused.</summary>
    public const string Agent = "AGENT";

    /// <summary>QEMU's monitor did not answer, or refused.</summary>
    public const string Monitor = "MONITOR";

    /// <summary>The lease could not be renewed before it expired.</summary>
    public const string LeaseExpired = "LEASE_EXPIRED";

    /// <summary>A program printed more than was to be kept.</summary>
    public const string OutputTooLarge = "OUTPUT_TOO_LARGE";

    /// <summary>The node's VMs are configured otherwise than the caller's.</summary>
    public const string ConfigurationDiffers = "CONFIGURATION_DIFFERS";

    /// <summary>The caller's certificates cannot be used, or one side does not trust the other's.</summary>
    public const string BadTls = "BAD_TLS";

    /// <summary>The node answered what its API rules out.</summary>
    public const string BadAnswer = "BAD_ANSWER";
}
