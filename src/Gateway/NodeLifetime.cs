using Akka.Actor;
using Akka.Hosting;
using VmCacheCluster.Actors.Node;
using VmCacheCluster.Domain;
using VmCacheCluster.Domain.Ports;

namespace VmCacheCluster.Gateway;

/// <summary>Ends with the daemon what it was just making; what is warm or handed out runs on, for the next one.</summary>
public sealed class NodeLifetime(
    IRequiredActor<NodeActor> node, IThrowAwayVms throwAways, NodeOptions options, IHostApplicationLifetime lifetime,
    ILogger<NodeLifetime> log) : IHostedService
{
    private static readonly StopNode Stop = new("the daemon is stopping");

    /// <summary>The longest that ending VMs may take, all at once: the sum of one VM's deadlines and some air.</summary>
    public static TimeSpan StopTimeout(NodeOptions options)
        => options.Stop.Quit + options.Stop.Term + options.Stop.Kill + TimeSpan.FromSeconds(10);

    /// <summary>Kestrel drains its calls before this service is stopped: callers that wait in a queue are told before that.</summary>
    public Task StartAsync(CancellationToken cancel)
    {
        lifetime.ApplicationStopping.Register(() =>
        {
            node.ActorRef.Tell(Stop);
            _ = throwAways.EndAsync();
        });
        return Task.CompletedTask;
    }

    public async Task StopAsync(CancellationToken cancel)
    {
        try
        {
            await Task.WhenAll(
                node.ActorRef.Ask<NodeStopped>(Stop, StopTimeout(options), cancel),
                throwAways.EndAsync().WaitAsync(StopTimeout(options), cancel));
        }
        catch (Exception e) when (e is AskTimeoutException or OperationCanceledException or TimeoutException)
        {
            log.LogWarning("some VMs that were being made or ended are not gone yet; the next start ends them");
        }
    }
}
