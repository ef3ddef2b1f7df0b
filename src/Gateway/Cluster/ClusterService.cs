using Akka.Actor.Setup;
using Akka.Configuration;
using Akka.Hosting;
using Akka.Hosting.Logging;
using VmCacheCluster.Actors.Cluster;
using VmCacheCluster.Actors.Gateway;
using VmCacheCluster.Domain.Ports;
using VmCacheCluster.Gateway.Cluster.Transport;
using VmCacheCluster.Gateway.Endpoints;

namespace VmCacheCluster.Gateway.Cluster;

/// <summary>This host's part in its cluster, from the daemon's start to its end.</summary>
public sealed class ClusterService(
    ClusterPlan plan, IClusterHost cluster, ClusterFace face, ReportSequence sequence, EventJournal journal, IHostMemory memory,
    IRequiredActor<GatewayActor> gateway, IAppliedPools pools, ITemplateLender templates, NetworkTrust trust, ConnectionGates gates, ILoggerFactory loggers) : BackgroundService
{
    private ClusterLife? _life;

    protected override async Task ExecuteAsync(CancellationToken stopping)
    {
        var ports = new ClusterPorts(cluster, await gateway.GetAsync(stopping), journal, TimeProvider.System, Random.Shared.NextDouble, memory)
        {
            Face = face, Sequence = sequence, Pools = pools, Templates = plan.Options.Templates is null ? null : templates,
        };
        _life = new ClusterLife(() => Start(ports), face, TimeProvider.System, OnFailed);
        await _life.RunAsync(stopping);
    }

    public override async Task StopAsync(CancellationToken cancel)
    {
        await base.StopAsync(cancel);
        if (_life is { } life) await life.LeaveAsync();
    }

    private Akka.Actor.ActorSystem Start(ClusterPorts ports)
    {
        var config = ConfigurationFactory.FromResource("akka.cluster.conf", typeof(Daemon).Assembly)
            .WithFallback(HostLogger.Mailbox)
            .WithFallback(ConfigurationFactory.ParseString($"akka.loggers = [\"{typeof(HostLogger).AssemblyQualifiedName}\"]"));
        // Files that are being replaced just now are no reason to stay outside.
        _ = trust.Peers.Current ?? trust.Peers.Reload();
        var links = new PeerLinks(trust.Peers, gates.Of(plan.Options.Listen.ToString()));
        return ClusterSystem.Start(plan, ports, config, DoorTimes.Usual, new LoggerFactorySetup(loggers), new TransportSetup(plan.Options, links));
    }

    private void OnFailed(Exception fault)
    {
        face.Problem = fault is TlsException ? fault.Message : $"the cluster's part of this daemon cannot be started: {fault.GetBaseException().Message}";
        trust.Peers.TellOnce(face.Problem, fault is TlsException ? null : fault);
    }
}
