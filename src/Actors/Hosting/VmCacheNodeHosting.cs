using Akka.Actor;
using Akka.Hosting;
using VmCacheCluster.Actors.Gateway;
using VmCacheCluster.Actors.Node;

namespace VmCacheCluster.Actors.Hosting;

/// <summary>Wires the host's actors; tests call the same method with fakes behind the ports.</summary>
public static class VmCacheNodeHosting
{
    public static AkkaConfigurationBuilder WithVmCacheNode(this AkkaConfigurationBuilder builder, NodePlan plan, NodePorts ports)
        => builder.WithActors(async (system, registry) =>
        {
            var node = StartNode(system, plan, ports);
            registry.Register<NodeActor>(node);
            registry.Register<GatewayActor>(await GatewayAsync(node));
        });

    public static IActorRef StartNode(IActorRefFactory system, NodePlan plan, NodePorts ports)
        => system.ActorOf(Props.Create(() => new NodeActor(plan, ports)), "node");

    public static Task<IActorRef> GatewayAsync(IActorRef node) => node.Ask<IActorRef>(GetGateway.Instance, TimeSpan.FromSeconds(30));
}
