using System.Net.Sockets;
using Google.Protobuf;
using VmCacheCluster.Agent;
using VmCacheCluster.Agent.Guest;
using VmCacheCluster.Agent.Kata;
using VmCacheCluster.Guest.Port;
using VmCacheCluster.Guest.Sys;
using VmCacheCluster.Tests.TestSupport;
using Xunit;

namespace VmCacheCluster.Tests.Unit.Guest;

/// <summary>What the guest does over vsock, at a Unix socket: the listener takes any that is connection-oriented.</summary>
public sealed class ListenerSpecs : IDisposable
{
    private const int AddressInUse = 98, VsockFamily = 40;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("vmcache-listener");
    private readonly Socket _socket = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified) { Blocking = false };

    private string Address => Path.Combine(_directory.FullName, "agent.sock");

    public void Dispose() => _directory.Delete(recursive: true);

    [Fact]
    public async Task Serves_as_many_hosts_at_once_as_there_are()
    {
        const int hosts = 16;
        var (present, all) = (0, Source());
        Serve(new TtrpcServer().AddUnary(AgentServices.Health, "Check", CheckRequest.Parser, async (_, cancel) =>
        {
            if (Interlocked.Increment(ref present) == hosts) all.SetResult();
            await all.Task.WaitAsync(cancel);
            return new HealthCheckResponse { Status = HealthCheckResponse.Types.ServingStatus.Serving };
        }));

        var answers = await Task.WhenAll(Enumerable.Range(0, hosts).Select(async _ =>
        {
            await using var client = await ConnectAsync();
            return await new AgentClient(client).CheckAsync(CancellationToken.None, Patience);
        }));

        Assert.All(answers, Assert.True);
    }

    [Fact]
    public async Task Ends_what_runs_for_a_host_with_its_connection_and_nothing_of_another()
    {
        var ends = new Dictionary<string, TaskCompletionSource> { ["one"] = Source(), ["other"] = Source() };
        Serve(Endless(ends));
        await using var other = await ConnectAsync();
        await using var one = await ConnectAsync();
        await using var otherCall = await StartAsync(other, "other");
        await using var oneCall = await StartAsync(one, "one");

        await one.DisposeAsync();

        await ends["one"].Task.WaitAsync(Patience);
        Assert.False(ends["other"].Task.IsCompleted);
        await other.DisposeAsync();
        await ends["other"].Task.WaitAsync(Patience);
    }

    [Fact]
    public async Task Sees_that_a_host_has_left_though_nothing_of_it_is_read()
    {
        var ended = Source();
        Serve(Endless(new Dictionary<string, TaskCompletionSource> { ["stuck"] = ended }, new TtrpcServerOptions { StreamBuffer = 1 }));
        await using var client = await ConnectAsync();
        await using var call = await StartAsync(client, "stuck");
        // The first is taken, the second waits for the program, and what follows waits unread, the end of the connection too.
        for (var i = 0; i < 4; i++) await call.WriteAsync(new ExecInput { Stdin = ByteString.CopyFrom(new byte[16 * 1024]) });

        await client.DisposeAsync();

        await ended.Task.WaitAsync(Patience);
    }

    [Fact]
    public async Task Ends_the_connection_of_a_host_that_sends_something_else_and_serves_the_others()
    {
        Serve(new TtrpcServer().AddImmediate(AgentServices.Health, "Version", CheckRequest.Parser, _ => new VersionCheckResponse { AgentVersion = "1" }));
        await using var honest = await ConnectAsync();
        await using var stranger = await AgentAddress.ConnectAsync(Address, CancellationToken.None);

        await stranger.WriteAsync("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"u8.ToArray());

        Assert.Equal(0, await stranger.ReadAsync(new byte[1]));
        Assert.Equal("1", (await new AgentClient(honest).VersionAsync(CancellationToken.None, Patience)).AgentVersion);
    }

    [Fact]
    public async Task Keeps_no_descriptor_of_a_connection_that_has_ended()
    {
        Serve(new TtrpcServer().AddImmediate(AgentServices.Health, "Version", CheckRequest.Parser, _ => new VersionCheckResponse { AgentVersion = "1" }));
        for (var i = 0; i < 20; i++)
        {
            await using var client = await ConnectAsync();
            await new AgentClient(client).VersionAsync(CancellationToken.None, Patience);
        }

        // A socket that is accepted has its listener's path; the listener itself has it, too.
        await Eventually.Async(() => Task.FromResult(File.ReadLines("/proc/net/unix").Count(line => line.EndsWith(Address, StringComparison.Ordinal)) <= 1), "all are closed");
    }

    [SkippableFact]
    public void Listens_on_vsock_whatever_the_context_id_is()
    {
        using var probe = OpenVsock();
        Skip.If(probe is null, "this kernel has no vsock");
        var port = (uint)Random.Shared.Next(1 << 20, int.MaxValue);

        var descriptor = Vsock.Listen(port);

        using var listener = new Socket(new SafeSocketHandle(descriptor, ownsHandle: true));
        // Whoever is second is told why.
        Assert.Equal(AddressInUse, Assert.Throws<LinuxException>(() => Vsock.Listen(port)).Errno);
    }

    private static Socket? OpenVsock()
    {
        try
        {
            return new Socket((AddressFamily)VsockFamily, SocketType.Stream, ProtocolType.Unspecified);
        }
        catch (SocketException)
        {
            return null;
        }
    }

    private static TaskCompletionSource Source() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Programs that never end by themselves; each is known by what it is called.</summary>
    private static TtrpcServer Endless(Dictionary<string, TaskCompletionSource> ends, TtrpcServerOptions? options = null) =>
        new TtrpcServer(options ?? new TtrpcServerOptions()).AddBidi<ExecInput, ExecOutput>(AgentServices.Guest, "Exec", ExecInput.Parser, async (input, write, cancel) =>
        {
            await using var messages = input.GetAsyncEnumerator(CancellationToken.None);
            await messages.MoveNextAsync();
            var name = messages.Current.Start.Args[0];
            cancel.Register(() => ends[name].TrySetResult());
            await write(new ExecOutput { Stdout = ByteString.CopyFromUtf8("runs") });
            await Task.Delay(Timeout.Infinite, cancel);
        });

    private static async Task<TtrpcStream<ExecInput, ExecOutput>> StartAsync(TtrpcClient client, string name)
    {
        var call = await client.OpenStreamAsync<ExecInput, ExecOutput>(AgentServices.Guest, "Exec", ExecOutput.Parser, CancellationToken.None);
        await call.WriteAsync(new ExecInput { Start = new ExecStart { Args = { name } } });
        Assert.Equal("runs", (await call.ReadAsync())!.Stdout.ToStringUtf8());
        return call;
    }

    private Task<TtrpcClient> ConnectAsync() => TtrpcClient.ConnectAsync(Address, null, CancellationToken.None);

    private void Serve(TtrpcServer server)
    {
        _socket.Bind(new UnixDomainSocketEndPoint(Address));
        _socket.Listen(64);
        var reactor = new Reactor();
        var listener = new Listener(reactor, (int)_socket.Handle);
        // As in the guest, it goes on for good.
        new Thread(() => reactor.Run(() => listener.RunAsync(server))) { IsBackground = true, Name = "reactor" }.Start();
    }
}
