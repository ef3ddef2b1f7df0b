using Akka.Configuration;
using Akka.Hosting;
using Microsoft.Extensions.Logging.Console;
using VmCacheCluster.Actors.Gateway;
using VmCacheCluster.Actors.Hosting;
using VmCacheCluster.Actors.Node;
using VmCacheCluster.Actors.Vms;
using VmCacheCluster.Domain;
using VmCacheCluster.Domain.Ports;
using VmCacheCluster.Gateway.Cluster;
using VmCacheCluster.Gateway.Pools;
using VmCacheCluster.Gateway.Endpoints;
using VmCacheCluster.Gateway.Services;
using VmCacheCluster.Hypervisor.Qemu;
using VmCacheCluster.Hypervisor.Qemu.ControlGroups;
using VmCacheCluster.Hypervisor.Qemu.Templates;
using VmCacheCluster.Hypervisor.Qemu.Users;

namespace VmCacheCluster.Gateway;

/// <summary>The composition root: the only place that knows every part.</summary>
public static class Daemon
{
    /// <param name="through">What the node sees its hypervisor and templates through; null: as they are.</param>
    /// <param name="start">What the pools are made from; null: from the options as they are.</param>
    public static WebApplication Build(
        NodeOptions options, OwnedEndpoints endpoints, Action<IServiceCollection>? also = null, Func<VmPorts, VmPorts>? through = null,
        StartingPools? start = null)
    {
        start ??= StartingPools.Of(options);
        var descriptors = start.Loaded.Descriptors;
        var builder = WebApplication.CreateSlimBuilder(new WebApplicationOptions { Args = [] });
        builder.Logging.ClearProviders().AddConsole(o => o.FormatterName = LogFormat.Id).AddConsoleFormatter<LogFormat, ConsoleFormatterOptions>();
        builder.Logging.AddFilter("Microsoft", LogLevel.Warning).AddFilter("Grpc", LogLevel.Error);
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            endpoints.ListenOn(kestrel);
            NetworkListeners.ListenOn(kestrel, options, kestrel.ApplicationServices.GetRequiredService<NetworkTrust>());
        });
        builder.Services.AddGatedConnections(descriptors?.Connections ?? options.Connections);
        builder.Services.Configure<HostOptions>(o => o.ShutdownTimeout = NodeLifetime.StopTimeout(options) + TimeSpan.FromSeconds(5));
        AddNode(builder.Services, options, through ?? (static vms => vms));
        builder.Services.AddVmCacheServices(options, start);
        builder.Services.AddSingleton(endpoints);
        builder.Services.AddHostedService<EndpointWatch>();
        builder.Services.AddHostedService<QuietMemory>();
        also?.Invoke(builder.Services);

        var app = builder.Build();
        app.MapVmCacheServices();
        app.Lifetime.ApplicationStarted.Register(() => OnStarted(app, options, endpoints));
        if (descriptors is not null) TellOfFewer(app.Logger, options, descriptors);
        return app;
    }

    private static void AddNode(IServiceCollection services, NodeOptions options, Func<VmPorts, VmPorts> through)
    {
        var users = options.Users.Range is { } range ? new VmUsers(range, options.Users.SetPriv) : null;
        var qemu = new QemuHypervisorOptions
        {
            RunDirectory = options.RunDirectory,
            ClientDirectory = options.ClientDirectory,
            QuitDeadline = options.Stop.Quit,
            TerminateDeadline = options.Stop.Term,
            KillDeadline = options.Stop.Kill,
            Users = users,
            ControlGroups = options.ControlGroup is { } group ? ControlGroupTree.Open(group) : null,
        };
        var clock = new LinuxHostClock();
        var hypervisor = new QemuHypervisor(qemu, clock);
        var throwAways = new ThrowAwayVms(qemu, clock);
        var templates = new TemplateStore(options.TemplateDirectory, qemu, throwAways, clock, TimeProvider.System);
        var rollouts = new RolloutEnds();
        var cordon = new CordonMark(options.StateDirectory);
        var ports = new NodePorts(
            through(new VmPorts(hypervisor, clock, TimeProvider.System, templates)), new KvmProof(qemu, throwAways, clock), Random.Shared.NextDouble)
        {
            Memory = new LinuxHostMemory(),
            Rollouts = rollouts,
            WasCordoned = () => cordon.IsSet,
        };

        services.AddSingleton(options);
        services.AddSingleton(rollouts);
        services.AddSingleton(new VmIsolation(options.Users, users?.Problems ?? []));
        services.AddSingleton<ITemplateLender>(templates);
        services.AddSingleton<IThrowAwayVms>(throwAways);
        services.AddSingleton(cordon);
        services.AddSingleton(ports.Journal);
        services.AddSingleton(ports.Memory);
        services.AddSingleton(provider =>
        {
            var log = provider.GetRequiredService<ILoggerFactory>().CreateLogger("vmcached");
            return new NetworkTrust(
                new PeerTrust(options.Cluster?.Tls, "vmcache.cluster.tls", log, TimeProvider.System), new PeerTrust(options.Gateway?.Tls, "vmcache.gateway.tls", log, TimeProvider.System, calls: false));
        });
        services.AddHostedService<CertificateWatch>();
        services.AddAkka("vmcache", (akka, provider) => akka
            .AddHocon(ConfigurationFactory.FromResource("akka.host.conf", typeof(Daemon).Assembly), HoconAddMode.Prepend)
            .AddHocon(HostLogger.Mailbox, HoconAddMode.Prepend)
            .ConfigureLoggers(loggers =>
            {
                loggers.AddLoggerFactory();
                loggers.ClearLoggers();
                loggers.AddLogger<HostLogger>();
            })
            .WithVmCacheNode(new NodePlan(options.Pools, options.BootParallelism) { Templates = options.Templates, Proof = options.Proof, Memory = options.Memory, Tag = options.Cluster?.Node.Tag },
                ports with { Vms = ports.Vms with { Peers = provider.GetService<ITemplatePeers>() } }));
        services.AddHostedService<NodeLifetime>();
    }

    private static void TellOfFewer(ILogger log, NodeOptions options, DescriptorPlan descriptors)
    {
        var (local, network) = (descriptors.Connections.Local, descriptors.Connections.Network);
        var fewer = local < options.Connections.Local || (network < options.Connections.Network && (options.Cluster is not null || options.Gateway is not null));
        if (!fewer) return;
        log.LogWarning(
            "the limit of {Limit} open files leaves {Local} connections to callers of this host{Network}, less than configured (max-connections, "
            + "max-network-connections): raise LimitNOFILE= or ulimit -n", descriptors.Limit, local, network > 0 ? $" and {network} to each TCP port" : "");
    }

    private static void OnStarted(WebApplication app, NodeOptions options, OwnedEndpoints endpoints)
    {
        endpoints.Restrict();
        app.Logger.LogInformation(
            "vmcached (pid {Pid}) listens on {Endpoint}; pools: {Pools}", Environment.ProcessId, options.Endpoint,
            string.Join(", ", options.Pools.Select(p => $"{p.Name} ({p.VmCacheNumber})")));
    }
}
