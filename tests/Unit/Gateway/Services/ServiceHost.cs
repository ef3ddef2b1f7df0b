using Akka.Hosting;
using Grpc.Net.Client;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using VmCacheCluster.Actors.Gateway;
using VmCacheCluster.Client;
using VmCacheCluster.Contracts.V1;
using VmCacheCluster.Domain;
using VmCacheCluster.Domain.Ports;
using VmCacheCluster.Gateway.Cluster;
using VmCacheCluster.Gateway.Endpoints;
using VmCacheCluster.Gateway.Pools;
using VmCacheCluster.Gateway.Services;
using VmCacheCluster.Tests.TestSupport.Fakes;

namespace VmCacheCluster.Tests.Unit.Gateway.Services;

/// <summary>The daemon's gRPC services on a Unix socket, as in production, in front of actors that a test plays.</summary>
internal sealed class ServiceHost : IAsyncDisposable
{
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);
    public static readonly VmId Id = new("0b1d8a52-6c0e-4a55-9d5c-1f0f6f3b9a10");
    public static readonly string Token = new('a', 32);
    public static readonly DateTimeOffset Noon = new(2026, 5, 4, 12, 0, 0, TimeSpan.Zero);

    private readonly DirectoryInfo _directory;
    private readonly WebApplication _app;
    private readonly GrpcChannel _channel;

    private ServiceHost(WebApplication app, ScriptedGateway gateway, DirectoryInfo directory, string endpoint)
    {
        (_app, Gateway, _directory) = (app, gateway, directory);
        _channel = UnixChannel.Open(endpoint);
        Calls = new VmCache.VmCacheClient(_channel);
        Client = VmCacheClient.Open(endpoint);
        Endpoint = endpoint;
    }

    public string Endpoint { get; }

    public ScriptedGateway Gateway { get; }

    public required CapturedLog Log { get; init; }

    /// <summary>The bare API, for what the client library would never send.</summary>
    public VmCache.VmCacheClient Calls { get; }

    public VmCacheClient Client { get; }

    /// <param name="tcp">Callers on other machines are served, too.</param>
    public static async Task<ServiceHost> StartAsync(Func<object, object?>? onMessage = null, TimeProvider? time = null, GatewayOptions? tcp = null)
    {
        var directory = Directory.CreateTempSubdirectory("vmg");
        var endpoint = Path.Combine(directory.FullName, "cache.sock");
        var gateway = new ScriptedGateway();
        if (onMessage is not null) gateway.OnMessage = onMessage;
        var options = Options(endpoint) with { Gateway = tcp };
        var trust = new NetworkTrust(new PeerTrust(null, "", NullLogger.Instance, TimeProvider.System), new PeerTrust(tcp?.Tls, "vmcache.gateway.tls", NullLogger.Instance, TimeProvider.System));
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().UseKestrelHttpsConfiguration().ConfigureKestrel(kestrel =>
        {
            kestrel.ListenUnixSocket(endpoint, listen => listen.Protocols = HttpProtocols.Http2);
            NetworkListeners.ListenOn(kestrel, options, trust);
        });
        builder.Services.AddGatedConnections(new ConnectionLimits(100, 100));
        builder.Services.AddRoutingCore();
        builder.Services.AddSingleton(options);
        builder.Services.AddSingleton<IRequiredActor<GatewayActor>>(gateway);
        builder.Services.AddSingleton(TimeProvider.System);
        builder.Services.AddSingleton<IHostMemory>(new FakeMemory());
        builder.Services.AddSingleton(trust);
        builder.Services.AddVmCacheServices(options, StartingPools.Of(options));
        if (time is not null) builder.Services.AddSingleton(time);
        // What goes wrong in a service is to be read in the test that it fails.
        builder.Services.Configure<Grpc.AspNetCore.Server.GrpcServiceOptions>(grpc => grpc.EnableDetailedErrors = true);
        // As in production: what is no fault of the daemon's is no error.
        var log = new CapturedLog();
        builder.Logging.ClearProviders().AddFilter("Microsoft", LogLevel.Warning).AddFilter("Grpc", LogLevel.Error).AddProvider(log);
        var app = builder.Build();
        app.MapVmCacheServices();
        await app.StartAsync();
        return new ServiceHost(app, gateway, directory, endpoint) { Log = log };
    }

    public static NodeOptions Options(string endpoint) => new()
    {
        TemplateDirectory = "/run/vmcache/templates",
        Templates = new TemplateLimits(TimeSpan.FromDays(1), null),
        StateDirectory = "/run/x/state",
        Endpoint = endpoint, RunDirectory = "/run/x", ClientDirectory = "/run/x/client", BootParallelism = 1, Memory = new MemoryLimits(0, null),
        Stop = new StopDeadlines(TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(1)),
        Pools = [Pool()],
    };

    public static VmSpec Spec { get; } = new() { Pool = PoolName.Default, Qemu = "/usr/bin/qemu-system-x86_64", Kernel = "/k", Initrd = "/i" };

    public static VmFacts Facts { get; } = new(
        Id, Spec, new VmPaths("/d", "/c", "/d/supervisor.sock", "/c/qmp.sock", "/c/agent.sock", "/c/console.sock", "/c/share"),
        new ProcessIdentity(4711, 99), VmCacheCluster.Domain.MadeBy.Boot);

    public static LeaseRecord Lease(SandboxId? sandbox = null, params (string Key, string Value)[] labels)
    {
        Assert.True(LeaseToken.TryParse(Token, out var token));
        return new LeaseRecord(token, "", "", sandbox, labels.ToDictionary(l => l.Key, l => l.Value), TimeSpan.FromMinutes(5));
    }

    /// <summary>What a pool answers to an acquire.</summary>
    public static BaseVmGranted Granted(Akka.Actor.IActorRef vm) => new(
        Facts, VmCacheCluster.Domain.Served.Warm, TimeSpan.FromSeconds(30), vm, null!,
        new LeaseGrant(Lease(null, ("app", "x")), new VmSize(2, 512), Noon, Noon.AddSeconds(30), [new StageTime("resume", TimeSpan.FromMilliseconds(4))]));

    public static VmView View(VmPhase phase, string? id = null) => new(
        id is null ? Id : new VmId(id), PoolName.Default, new VmLife(phase), Spec, Facts, null, TimeSpan.FromSeconds(30));

    /// <summary>Plays a pool that grants its VM, with all that a holder may then do with it.</summary>
    public void PlayPool(ScriptedGuest guest) => Gateway.OnMessage = message =>
    {
        switch (message)
        {
            case AcquireBaseVm acquire:
                acquire.Ticket.TryAnswer(Granted(Gateway.ActorRef));
                return null;
            case RenewLease renew:
                return new LeaseRenewed(Id, Noon.AddMinutes(5), renew.Ttl ?? TimeSpan.FromMinutes(5));
            case ReleaseVm:
                return new VmReleased(Id);
            case UseGuest:
                return new GuestLent(Id, guest);
            case GetVm:
                return View(VmPhase.Leased) with { Lease = Lease(), ExpiresAt = Noon };
            default:
                return null;
        }
    };

    /// <summary>Tells the services that the daemon stops, as SIGTERM does.</summary>
    public void BeginStop() => _app.Services.GetRequiredService<IHostApplicationLifetime>().StopApplication();

    public async ValueTask DisposeAsync()
    {
        Client.Dispose();
        _channel.Dispose();
        await _app.StopAsync(new CancellationToken(canceled: true));
        await _app.DisposeAsync();
        await Gateway.DisposeAsync();
        _directory.Delete(recursive: true);
    }

    public static PoolOptions Pool() => new()
    {
        Name = PoolName.Default, Spec = Spec, VmCacheNumber = 1, Accelerator = AcceleratorChoice.Tcg,
        GracePeriod = TimeSpan.FromSeconds(30), BootTimeout = TimeSpan.FromSeconds(60), MaxWaiting = 8,
        Lease = new LeaseLimits(TimeSpan.FromMinutes(10), TimeSpan.FromHours(24)),
        Backoff = new BackoffOptions(TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(60), 0.2),
    };
}
