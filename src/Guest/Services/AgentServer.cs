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
/// Serves the agent's port, one stream of frames for all hosts: the request of a host that follows at once is as good as
/// any. An answer to a host that has left is nobody's, and is ignored by its number.
/// </summary>
internal sealed class AgentServer(AgentPort port, Reactor reactor, Reaper reaper)
{
    // A host that left in the middle of a frame: nothing shows it but that the rest never comes. The largest frame takes a
    // fraction of this.
    private static readonly TimeSpan FrameTimeout = TimeSpan.FromSeconds(1.5);
    private static readonly TimeSpan Idle = TimeSpan.FromMilliseconds(50);

    private bool _rehearsed;

    public async Task RunAsync()
    {
        var server = Build();
        var stream = new PortStream(port);
        while (true)
        {
            var end = await server.ServeAsync(stream, CancellationToken.None).ConfigureAwait(false);
            KernelLog.Info($"the host sent no ttRPC: {end.Detail}");
            await TtrpcResync.DrainAsync(stream, Idle, CancellationToken.None).ConfigureAwait(false);
        }
    }

    private TtrpcServer Build()
    {
        var environment = new PreparedEnvironment();
        var identity = new IdentityFiles();
        var exec = new ExecService(reactor, reaper, environment, identity);
        var preparing = new PrepareService(environment, identity);
        return new TtrpcServer(new TtrpcServerOptions { FrameTimeout = FrameTimeout, ClientsChangeUnseen = true })
            .AddImmediate(AgentServices.Health, "Check", CheckRequest.Parser, _ => HealthService.Check())
            .AddImmediate(AgentServices.Health, "Version", CheckRequest.Parser, _ =>
            {
                // A host asks once, when the agent has answered and before it uses the guest: that is the time to rehearse.
                if (!Interlocked.Exchange(ref _rehearsed, true)) preparing.Rehearse();
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
            .AddImmediate(AgentServices.Guest, "Prepare", PrepareRequest.Parser, preparing.Prepare)
            .AddBidi<ExecInput, ExecOutput>(AgentServices.Guest, "Exec", ExecInput.Parser, async (input, write, cancellation) =>
            {
                // A program does not outlive the host that it runs for.
                using var stay = CancellationTokenSource.CreateLinkedTokenSource(cancellation, port.Stay);
                await exec.RunAsync(input, write, stay.Token).ConfigureAwait(false);
            });
    }

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
