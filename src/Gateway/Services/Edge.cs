using Akka.Actor;
using Grpc.Core;

namespace VmCacheCluster.Gateway.Services;

/// <summary>Asks at the edge, where Ask belongs.</summary>
internal static class Edge
{
    public static async Task<object> AskAsync(IActorRef actor, object message, TimeSpan timeout, string what, ServerCallContext context)
    {
        try
        {
            return await actor.Ask<object>(message, timeout, context.GetHttpContext().RequestAborted);
        }
        catch (AskTimeoutException)
        {
            throw GrpcErrors.NotAnswered(what);
        }
        catch (OperationCanceledException)
        {
            throw GrpcErrors.Cancelled();
        }
    }
}
