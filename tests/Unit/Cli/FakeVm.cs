using System.Collections.Concurrent;
using System.Net.Sockets;
using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;
using VmCacheCluster.Agent;
using VmCacheCluster.Agent.Guest;
using VmCacheCluster.Agent.Kata;
using VmCacheCluster.Contracts.V1;
using VmCacheCluster.Tests.TestSupport.Qmp;

namespace VmCacheCluster.Tests.Unit.Cli;

/// <summary>The sockets of a VM: a monitor, and an agent that does what a test wants.</summary>
internal sealed class FakeVm : IAsyncDisposable
{
    private readonly FakeQmpPeer qmp = new();
    private readonly DirectoryInfo directory = Directory.CreateTempSubdirectory("vma");
    private readonly Socket listener = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
    private readonly CancellationTokenSource ending = new();
    private readonly List<Task> serving;

    public FakeVm(string id)
    {
        Vm = Samples.Vm(id, VmState.Leased);
        Vm.Qmp = qmp.Path;
        Vm.Agent = Path.Combine(directory.FullName, "agent.sock");
        listener.Bind(new UnixDomainSocketEndPoint(Vm.Agent));
        listener.Listen(8);
        serving = [ServeMonitorAsync(), ServeAgentAsync()];
    }

    public Vm Vm { get; }

    /// <summary>What <c>query-status</c> says until the first <c>cont</c>.</summary>
    public string Status { get; set; } = "paused";

    /// <summary>What the monitor and the agent were asked, in order.</summary>
    public ConcurrentQueue<string> Asked { get; } = [];

    public ReseedRandomDevRequest? Reseed { get; private set; }

    public SetGuestDateTimeRequest? Clock { get; private set; }

    public Func<ReseedRandomDevRequest, Empty> OnReseed { get; init; } = _ => new Empty();

    public Func<IAsyncEnumerable<ExecInput>, Func<ExecOutput, ValueTask>, CancellationToken, Task> OnExec { get; init; } =
        (_, _, _) => throw new TtrpcStatusException(TtrpcStatusCode.Unimplemented, "no Exec here");

    public async ValueTask DisposeAsync()
    {
        await ending.CancelAsync();
        listener.Dispose();
        await qmp.DisposeAsync();
        await Task.WhenAll(serving);
        directory.Delete(recursive: true);
        ending.Dispose();
    }

    private async Task ServeMonitorAsync()
    {
        while (!ending.IsCancellationRequested)
        {
            try
            {
                using var client = await qmp.AcceptGreetedAsync();
                while (true)
                {
                    var command = await client.ReceiveAsync();
                    Asked.Enqueue(command.Command);
                    if (command.Command == "cont")
                    {
                        Status = "running";
                    }

                    await client.SendAsync(command.Return(
                        command.Command == "query-status" ? $$"""{"status": "{{Status}}", "running": false}""" : "{}"));
                }
            }
            catch (Exception fault) when (fault is IOException or SocketException or ObjectDisposedException or TimeoutException)
            {
                // This client left, or the test is over.
            }
        }
    }

    private async Task ServeAgentAsync()
    {
        var server = new TtrpcServer()
            .AddUnary("grpc.Health", "Check", CheckRequest.Parser, (_, _) => Answer("Check", new HealthCheckResponse
            {
                Status = HealthCheckResponse.Types.ServingStatus.Serving,
            }))
            .AddUnary("grpc.AgentService", "ReseedRandomDev", ReseedRandomDevRequest.Parser, (request, _) =>
            {
                Reseed = request;
                return Answer("ReseedRandomDev", OnReseed(request));
            })
            .AddUnary("grpc.AgentService", "SetGuestDateTime", SetGuestDateTimeRequest.Parser, (request, _) =>
            {
                Clock = request;
                return Answer("SetGuestDateTime", new Empty());
            })
            .AddBidi("vmcache.guest.v1.Guest", "Exec", ExecInput.Parser, OnExecAsync());
        while (!ending.IsCancellationRequested)
        {
            try
            {
                using var client = await listener.AcceptAsync(ending.Token);
                await using var stream = new NetworkStream(client);
                await server.ServeAsync(stream, ending.Token);
            }
            catch (Exception fault) when (fault is OperationCanceledException or IOException or SocketException or ObjectDisposedException)
            {
                // This client left, or the test is over.
            }
        }
    }

    // Read at the call, not here: object initializers run after the constructor.
    private Func<IAsyncEnumerable<ExecInput>, Func<ExecOutput, ValueTask>, CancellationToken, Task> OnExecAsync() =>
        (input, send, cancel) => OnExec(input, send, cancel);

    private ValueTask<T> Answer<T>(string call, T answer)
        where T : IMessage<T>
    {
        Asked.Enqueue(call);
        return ValueTask.FromResult(answer);
    }
}
