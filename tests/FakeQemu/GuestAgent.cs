using System.Net.Sockets;
using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;
using VmCacheCluster.Agent;
using VmCacheCluster.Agent.Guest;
using VmCacheCluster.Agent.Kata;

namespace VmCacheCluster.Tests.FakeQemu;

/// <summary>The agent in the guest that is not there; it answers while the VM runs, and not before it has booted.</summary>
internal sealed class GuestAgent
{
    private const ulong MemoryBlock = 128 * 1024 * 1024;

    private readonly Machine _machine;
    private readonly Directives _directives;
    private readonly TtrpcServer _server = new();

    public GuestAgent(Machine machine, Directives directives)
    {
        _machine = machine;
        _directives = directives;
        Add(AgentServices.Health, "Check", CheckRequest.Parser, _ => new HealthCheckResponse
        {
            Status = directives.Agent == "not-serving"
                ? HealthCheckResponse.Types.ServingStatus.NotServing
                : HealthCheckResponse.Types.ServingStatus.Serving,
        });
        Add(AgentServices.Health, "Version", CheckRequest.Parser, _ => directives.Agent == "wrong-version"
            ? new VersionCheckResponse { AgentVersion = "wrong", GrpcVersion = "99.0.0" }
            : new VersionCheckResponse { AgentVersion = "fake", GrpcVersion = "0.0.1" });
        Add(AgentServices.Agent, "ReseedRandomDev", ReseedRandomDevRequest.Parser, _ => new Empty());
        Add(AgentServices.Agent, "SetGuestDateTime", SetGuestDateTimeRequest.Parser, _ => new Empty());
        Add(AgentServices.Agent, "OnlineCPUMem", OnlineCPUMemRequest.Parser, _ => new Empty());
        Add(AgentServices.Agent, "GetGuestDetails", GuestDetailsRequest.Parser, _ => new GuestDetailsResponse
        {
            MemBlockSizeBytes = MemoryBlock,
            AgentDetails = new AgentDetails
            {
                Version = "fake", InitDaemon = true, ExtraFeatures = { AgentAbilities.Prepare, AgentAbilities.Exec },
            },
        });
        Add(AgentServices.Guest, "Prepare", PrepareRequest.Parser, request => new PrepareResponse
        {
            Reseeded = true,
            ClockSet = true,
            MachineId = request.MachineId,
            Hostname = request.Hostname,
            Environment = (uint)request.Environment.Count,
            Files = (uint)request.Files.Count,
        });
        _server.AddBidi<ExecInput, ExecOutput>(AgentServices.Guest, "Exec", ExecInput.Parser, async (input, write, cancel) =>
        {
            await UpAsync("Exec", cancel);
            await GuestPrograms.RunAsync(input, write, cancel);
        });
    }

    public async Task ServeAsync(NetworkStream client)
    {
        switch (_directives.Agent)
        {
            case "never":
                await Sockets.SwallowAsync(client);
                break;
            case "garbage":
                await _machine.UpAsync(CancellationToken.None);
                await client.WriteAsync(Enumerable.Repeat((byte)0xff, 100).ToArray());
                await Sockets.SwallowAsync(client);
                break;
            case var other when other.StartsWith("forward:", StringComparison.Ordinal):
                await Forwarding.RunAsync(client, other["forward:".Length..], _machine.UpAsync);
                break;
            default:
                await _server.ServeAsync(client, CancellationToken.None);
                break;
        }
    }

    private void Add<TReq, TRes>(string service, string method, MessageParser<TReq> parser, Func<TReq, TRes> answer)
        where TReq : IMessage<TReq>
        where TRes : IMessage<TRes> =>
        _server.AddUnary(service, method, parser, async (TReq request, CancellationToken cancel) =>
        {
            await UpAsync(method, cancel);
            return answer(request);
        });

    /// <summary>The guest runs, and takes this call.</summary>
    private async Task UpAsync(string method, CancellationToken cancel)
    {
        var name = $"agent.{method}";
        await _machine.UpAsync(cancel);
        if (_directives.ExitOn.Contains(name)) _machine.Crash(1);
        if (_directives.HangOn.Contains(name)) await Task.Delay(Timeout.Infinite, cancel);
        if (_directives.Refusal(name) is { } message) throw new TtrpcStatusException(TtrpcStatusCode.Internal, message);
    }
}
