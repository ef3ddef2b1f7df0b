using System.Globalization;
using Akka.Actor;
using Akka.Actor.Setup;
using Akka.Cluster.Tools.Singleton;
using Akka.Configuration;
using VmCacheCluster.Domain.Ports;

namespace VmCacheCluster.Actors.Cluster;

/// <summary>The cluster's actor system: one incarnation of this node as a member.</summary>
public static class ClusterSystem
{
    /// <summary>Part of every address: the same on all nodes.</summary>
    public const string Name = "vmcache";

    /// <param name="setups">The transport and logging, which are the host's affair.</param>
    public static ActorSystem Start(ClusterPlan plan, ClusterPorts ports, Config config, DoorTimes times, params Setup[] setups)
    {
        var setup = setups.Aggregate(ActorSystemSetup.Create(BootstrapSetup.Create().WithConfig(Of(plan).WithFallback(config).WithFallback(ClusterSingleton.DefaultConfig()))), (all, one) => all.And(one));
        var system = ActorSystem.Create(Name, setup);
        var placement = system.ActorOf(Props.Create(() => new PlacementActor(plan, ports)), "placement");
        IActorRef[] readers = ports.Pools is { } pools ? [placement, system.ActorOf(Props.Create(() => new PoolNewsActor(plan.Node, pools)), "pool-news")] : [placement];
        var inventory = system.ActorOf(Props.Create(() => new InventoryActor(readers)), "inventory");
        system.ActorOf(Props.Create(() => new HostBridgeActor(plan, ports, inventory)), "host");
        system.ActorOf(Props.Create(() => new DoorActor(plan, ports, placement, times)), "door");
        if (ports.Pools is { } totals) system.ActorOf(Capacity(system, placement, totals, ports), "capacity");
        ports.Face.Placement = placement;
        return system;
    }

    /// <summary>On the oldest member of the cluster, and on the next one when that leaves.</summary>
    private static Props Capacity(ActorSystem system, IActorRef placement, IAppliedPools pools, ClusterPorts ports) => ClusterSingletonManager.Props(
        Props.Create(() => new CapacityActor(placement, pools, ports.Time, ports.Dealing)), PoisonPill.Instance, ClusterSingletonManagerSettings.Create(system).WithSingletonName("dealer"));

    /// <summary>What the host's configuration decides of it.</summary>
    private static Config Of(ClusterPlan plan)
    {
        var options = plan.Options;
        return ConfigurationFactory.ParseString($$"""
            akka {
              cluster {
                roles = ["{{NodeRole.Of(plan.Node)}}"]
                split-brain-resolver.stable-after = {{Milliseconds(options.SplitStableAfter)}}
                failure-detector.acceptable-heartbeat-pause = {{Milliseconds(options.AcceptablePause)}}
              }
            }
            """);
    }

    private static string Milliseconds(TimeSpan time) => ((long)time.TotalMilliseconds).ToString(CultureInfo.InvariantCulture) + "ms";
}
