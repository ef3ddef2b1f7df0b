using Google.Protobuf;

namespace VmCacheCluster.Agent;

/// <summary>A connection to an agent, in whichever protocol it speaks. Errors are those of ttRPC, whose status codes gRPC has too.</summary>
public interface IAgentChannel : IAsyncDisposable
{
    /// <summary>Completes, never with an error, when the connection has ended.</summary>
    Task Closed { get; }

    /// <summary>One request, one answer.</summary>
    /// <param name="service">Such as <see cref="AgentServices.Agent"/>.</param>
    /// <param name="timeout">The deadline, which the agent is told, too; null: none.</param>
    /// <exception cref="TtrpcStatusException">The agent answered with an error, or the request is too long.</exception>
    /// <exception cref="TtrpcConnectionException">The connection ended before the answer.</exception>
    /// <exception cref="TtrpcTimeoutException">The deadline passed before the answer.</exception>
    Task<TRes> CallAsync<TReq, TRes>(string service, string method, TReq request, MessageParser<TRes> parser, CancellationToken cancel, TimeSpan? timeout = null)
        where TReq : class, IMessage<TReq>
        where TRes : class, IMessage<TRes>;
}
