using Google.Protobuf.WellKnownTypes;
using VmCacheCluster.Agent;
using VmCacheCluster.Agent.Guest;
using VmCacheCluster.Agent.Kata;
using VmCacheCluster.Guest.Boot;
using VmCacheCluster.Guest.Port;
using VmCacheCluster.Guest.Processes;

namespace VmCacheCluster.Guest.Services;

/// <summary>Serves one host after another on the agent's port.</summary>
internal sealed class AgentServer(AgentPort port, Reactor reactor, Reaper reaper)
{
    // A host that was exchanged for another while the VM was paused can leave half a frame behind: nothing shows it but
    // that the rest never comes. The largest frame takes a fraction of this.
    private static readonly TimeSpan FrameTimeout = TimeSpan.FromSeconds(3);
    private static readonly TimeSpan Idle = TimeSpan.FromMilliseconds(50);

    public async Task RunAsync()
    {
        var server = Build();
        var stream = new PortStream(port);
        while (true)
        {
            await port.WaitForHostAsync(connected: true, CancellationToken.None).ConfigureAwait(false);
            await ServeAsync(server, stream).ConfigureAwait(false);
            await port.SettleAsync().ConfigureAwait(false);
        }
    }

    private async Task ServeAsync(TtrpcServer server, PortStream stream)
    {
        // A connection that waits for a program to take its input does not read, and would not see its host leave.
        using var over = new CancellationTokenSource();
        using var left = new CancellationTokenSource();
        var leaving = CancelWhenHostLeavesAsync(left, over.Token);
        try
        {
            var end = await server.ServeAsync(stream, left.Token).ConfigureAwait(false);
            if (end.Kind == TtrpcEndKind.Malformed)
            {
                KernelLog.Info($"the host sent no ttRPC: {end.Detail}");
                await TtrpcResync.DrainAsync(stream, Idle, CancellationToken.None).ConfigureAwait(false);
            }
        }
        catch (OperationCanceledException) when (left.IsCancellationRequested)
        {
            // The next host is waited for.
        }
        finally
        {
            await over.CancelAsync().ConfigureAwait(false);
            await leaving.ConfigureAwait(false);
        }
    }

    private async Task CancelWhenHostLeavesAsync(CancellationTokenSource left, CancellationToken over)
    {
        try
        {
            await port.WaitForHostAsync(connected: false, over).ConfigureAwait(false);
            await left.CancelAsync().ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            // The connection has ended otherwise.
        }
    }

    private TtrpcServer Build()
    {
        var exec = new ExecService(reactor, reaper);
        return new TtrpcServer(new TtrpcServerOptions { FrameTimeout = FrameTimeout })
            .AddUnary(AgentServices.Health, "Check", CheckRequest.Parser, (_, _) => ValueTask.FromResult(HealthService.Check()))
            .AddUnary(AgentServices.Health, "Version", CheckRequest.Parser, (_, _) => ValueTask.FromResult(HealthService.Version()))
            .AddUnary(AgentServices.Agent, "OnlineCPUMem", OnlineCPUMemRequest.Parser, async (request, cancellation) =>
            {
                await HotPlug.OnlineAsync(request.NbCpus, request.CpuOnly, cancellation).ConfigureAwait(false);
                return new Empty();
            })
            .AddUnary(AgentServices.Agent, "ReseedRandomDev", ReseedRandomDevRequest.Parser, (request, _) =>
            {
                RandomDevice.Reseed(request.Data.Span);
                return ValueTask.FromResult(new Empty());
            })
            .AddUnary(AgentServices.Agent, "SetGuestDateTime", SetGuestDateTimeRequest.Parser, (request, _) =>
            {
                Clock.Set(request.Sec, request.Usec);
                return ValueTask.FromResult(new Empty());
            })
            .AddUnary(AgentServices.Agent, "GetGuestDetails", GuestDetailsRequest.Parser, (request, _) => ValueTask.FromResult(Details(request)))
            .AddBidi<ExecInput, ExecOutput>(AgentServices.Guest, "Exec", ExecInput.Parser, exec.RunAsync);
    }

    private static GuestDetailsResponse Details(GuestDetailsRequest request) => new()
    {
        MemBlockSizeBytes = request.MemBlockSize ? HotPlug.MemoryBlockSize() : 0,
        SupportMemHotplugProbe = request.MemHotplugProbe && HotPlug.SupportsProbe(),
        AgentDetails = new AgentDetails { Version = HealthService.AgentVersion, InitDaemon = true },
    };
}
