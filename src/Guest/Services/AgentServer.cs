using Google.Protobuf.WellKnownTypes;
using VmCacheCluster.Agent;
using VmCacheCluster.Agent.Guest;
using VmCacheCluster.Agent.Kata;
using VmCacheCluster.Guest.Boot;
using VmCacheCluster.Guest.Port;
using VmCacheCluster.Guest.Preparing;
using VmCacheCluster.Guest.Processes;

namespace VmCacheCluster.Guest.Services;

/// <summary>
/// Serves the agent: at its port, one stream of frames for all hosts, where the request of a host that follows at once is as good as
/// any, and an answer to a host that has left is nobody's, and is ignored by its number; and over vsock, a connection each.
/// </summary>
internal sealed class AgentServer
{
    // A host that left in the middle of a frame: nothing shows it but that the rest never comes. The largest frame takes a
    // fraction of this.
    private static readonly TimeSpan FrameTimeout = TimeSpan.FromSeconds(1.5);
    private static readonly TimeSpan Idle = TimeSpan.FromMilliseconds(50);

    private readonly ExecService _exec;
    private readonly PrepareService _preparing;
    private bool _rehearsed;

    public AgentServer(Reactor reactor, Reaper reaper)
    {
        var environment = new PreparedEnvironment();
        var identity = new IdentityFiles();
        _exec = new ExecService(reactor, reaper, environment, identity);
        _preparing = new PrepareService(environment, identity);
    }

    /// <summary>Returns never.</summary>
    public async Task ServeAsync(AgentPort port)
    {
        // A program does not outlive the host that it runs for.
        var server = Build(new TtrpcServerOptions { FrameTimeout = FrameTimeout, ClientsChangeUnseen = true }, async (input, write, cancellation) =>
        {
            using var stay = CancellationTokenSource.CreateLinkedTokenSource(cancellation, port.Stay);
            await _exec.RunAsync(input, write, stay.Token).ConfigureAwait(false);
        });
        var stream = new PortStream(port);
        while (true)
        {
            var end = await server.ServeAsync(stream, CancellationToken.None).ConfigureAwait(false);
            KernelLog.Info($"the host sent no ttRPC: {end.Detail}");
            await TtrpcResync.DrainAsync(stream, Idle, CancellationToken.None).ConfigureAwait(false);
        }
    }

    /// <summary>Returns never. A program ends with the connection that it runs for, by its call's token.</summary>
    public Task ServeAsync(Listener listener) => listener.RunAsync(Build(new TtrpcServerOptions(), _exec.RunAsync));

    private TtrpcServer Build(TtrpcServerOptions options, Func<IAsyncEnumerable<ExecInput>, Func<ExecOutput, ValueTask>, CancellationToken, Task> exec) =>
        new TtrpcServer(options)
            .AddImmediate(AgentServices.Health, "Check", CheckRequest.Parser, _ => HealthService.Check())
            .AddImmediate(AgentServices.Health, "Version", CheckRequest.Parser, _ =>
            {
                // A host asks once, when the agent has answered and before it uses the guest: that is the time to rehearse.
                if (!Interlocked.Exchange(ref _rehearsed, true)) _preparing.Rehearse();
                return HealthService.Version();
            })
            .AddUnary(AgentServices.Agent, "OnlineCPUMem", OnlineCPUMemRequest.Parser, async (request, cancellation) =>
            {
                await HotPlug.OnlineAsync(request.NbCpus, request.CpuOnly, cancellation).ConfigureAwait(false);
                return new Empty();
            })
            .AddImmediate(AgentServices.Agent, "ReseedRandomDev", ReseedRandomDevRequest.Parser, request =>
            {
                RandomDevice.Reseed(request.Data.Span);
                return new Empty();
            })
            .AddImmediate(AgentServices.Agent, "SetGuestDateTime", SetGuestDateTimeRequest.Parser, request =>
            {
                Clock.SetMicroseconds(request.Sec, request.Usec);
                return new Empty();
            })
            .AddImmediate(AgentServices.Agent, "GetGuestDetails", GuestDetailsRequest.Parser, Details)
            .AddImmediate(AgentServices.Guest, "Prepare", PrepareRequest.Parser, _preparing.Prepare)
            .AddBidi(AgentServices.Guest, "Exec", ExecInput.Parser, exec);

    private static GuestDetailsResponse Details(GuestDetailsRequest request) => new()
    {
        MemBlockSizeBytes = request.MemBlockSize ? HotPlug.MemoryBlockSize() : 0,
        AvailableBytes = HotPlug.AvailableMemory(),
        SupportMemHotplugProbe = request.MemHotplugProbe && HotPlug.SupportsProbe(),
        AgentDetails = new AgentDetails
        {
            Version = HealthService.AgentVersion,
            InitDaemon = true,
            ExtraFeatures = { AgentAbilities.Prepare, AgentAbilities.Exec },
        },
    };
}
