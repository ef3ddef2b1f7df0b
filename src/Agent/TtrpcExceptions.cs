namespace VmCacheCluster.Agent;

/// <summary>What every failure of a ttRPC call has in common.</summary>
public abstract class TtrpcException(string message, Exception? inner = null) : Exception(message, inner);

/// <summary>The peer answered, with an error. A server's handler throws it to choose the status of its answer.</summary>
public sealed class TtrpcStatusException(TtrpcStatusCode code, string message) : TtrpcException(message)
{
    public TtrpcStatusCode Code { get; } = code;
}

/// <summary>The connection is gone: ended by either side, broken, or given up because the peer sent garbage.</summary>
public sealed class TtrpcConnectionException(string message, Exception? inner = null) : TtrpcException(message, inner);

/// <summary>The call's deadline passed before its answer came. The connection lives on.</summary>
public sealed class TtrpcTimeoutException(string message) : TtrpcException(message);

/// <summary>The bytes read are not ttRPC, or a frame stayed incomplete for too long.</summary>
public sealed class TtrpcMalformedException(string message, Exception? inner = null) : TtrpcException(message, inner);
