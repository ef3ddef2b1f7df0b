using System.Net;
using System.Net.Sockets;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using VmCacheCluster.Client;
using VmCacheCluster.Domain;
using VmCacheCluster.Gateway.Endpoints;
using VmCacheCluster.Tests.TestSupport;
using VmCacheCluster.Tests.Unit.Gateway.Endpoints.Http2;
using Xunit;

namespace VmCacheCluster.Tests.Unit.Gateway;

/// <summary>Kestrel behind the gates, with two places on its Unix socket and one on its TCP port.</summary>
public sealed class ConnectionGateSpecs : IAsyncLifetime
{
    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("vmgate");
    private readonly List<Socket> _callers = [];
    private WebApplication _app = null!;
    private ConnectionGates _gates = null!;

    private string Endpoint => Path.Combine(_directory.FullName, "c.sock");

    private EndPoint Port => IPEndPoint.Parse(_app.Urls.Single(u => u.Contains("127.0.0.1", StringComparison.Ordinal))["http://".Length..]);

    public async Task InitializeAsync()
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel =>
        {
            kestrel.ListenUnixSocket(Endpoint, listen => listen.Protocols = HttpProtocols.Http2);
            kestrel.Listen(IPAddress.Loopback, 0, listen => listen.Protocols = HttpProtocols.Http2);
        });
        builder.Logging.ClearProviders();
        builder.Services.AddGatedConnections(new ConnectionLimits(2, 1));
        _app = builder.Build();
        await _app.StartAsync();
        _gates = _app.Services.GetRequiredService<ConnectionGates>();
    }

    public async Task DisposeAsync()
    {
        _callers.ForEach(c => c.Dispose());
        await _app.StopAsync(new CancellationToken(canceled: true));
        await _app.DisposeAsync();
        _directory.Delete(true);
    }

    [Fact]
    public async Task Tells_one_more_why_and_hangs_up()
    {
        await LocalAsync();
        await LocalAsync();
        await OpenAsync(2);

        var third = await LocalAsync();
        await third.SendAsync(Frames.Preface);

        var refused = await ReadToEndAsync(third);

        Assert.Equal((4, 7), (refused[3], refused[9 + 3]));
        Assert.Contains("2 connections open", Encoding.UTF8.GetString(refused), StringComparison.Ordinal);
        Assert.Equal(2, _gates.Local.Open);
    }

    [Fact]
    public async Task Tells_why_as_the_answer_to_the_first_call()
    {
        await LocalAsync();
        await LocalAsync();
        await OpenAsync(2);
        var third = await LocalAsync();

        await third.SendAsync(Frames.Preface);
        await third.SendAsync(Frames.Make(Frames.Settings, 0, 0));
        await third.SendAsync(Frames.Make(Frames.WindowUpdate, 0, 0, 0, 0, 1, 0));
        var settings = new byte[9];
        await third.ReceiveAsync(settings);
        Assert.Equal(4, settings[3]);
        Assert.False(third.Poll(TimeSpan.FromMilliseconds(100), SelectMode.SelectRead), "it was told before it called");
        await third.SendAsync(Frames.Make(Frames.Headers, 0, 1, 0x82));

        var refused = await ReadToEndAsync(third);

        Assert.Equal(7, refused[3]);
        Assert.Contains("2 connections open", Encoding.UTF8.GetString(refused), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Tells_a_client_of_the_library_that_there_are_too_many()
    {
        await LocalAsync();
        await LocalAsync();
        await OpenAsync(2);
        using var client = VmCacheClient.Open(Endpoint);

        var refused = await Assert.ThrowsAsync<VmCacheException>(() => client.GetStatusAsync(Eventually.Patience));

        Assert.True(refused.Reason == Reasons.TooManyConnections, $"{refused.Reason}: {refused.InnerException} {(refused.InnerException as Grpc.Core.RpcException)?.Status.DebugException}");
    }

    [Fact]
    public async Task Lets_the_next_one_in_when_one_has_left()
    {
        await LocalAsync();
        var leaving = await LocalAsync();
        await OpenAsync(2);

        leaving.Dispose();

        await OpenAsync(1);
        await LocalAsync();
        await OpenAsync(2);
    }

    [Fact]
    public async Task Gives_no_place_of_this_host_to_callers_of_a_tcp_port()
    {
        await RemoteAsync();
        await Eventually.Async(() => _gates.Network.Sum(g => g.Open) == 1, "the first one is in");

        Assert.Empty(await ReadToEndAsync(await RemoteAsync()));

        await LocalAsync();
        await LocalAsync();
        await OpenAsync(2);
    }

    private Task OpenAsync(int number) => Eventually.Async(() => _gates.Local.Open == number, $"{number} are open", () => $"{_gates.Local.Open} are");

    private Task<Socket> LocalAsync() => ConnectAsync(new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified), new UnixDomainSocketEndPoint(Endpoint));

    private Task<Socket> RemoteAsync() => ConnectAsync(new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp), Port);

    private async Task<Socket> ConnectAsync(Socket socket, EndPoint endpoint)
    {
        _callers.Add(socket);
        await socket.ConnectAsync(endpoint);
        return socket;
    }

    private static async Task<byte[]> ReadToEndAsync(Socket socket)
    {
        using var limit = new CancellationTokenSource(Eventually.Patience);
        var all = new MemoryStream();
        var buffer = new byte[1024];
        try
        {
            while (await socket.ReceiveAsync(buffer, limit.Token) is > 0 and var read) all.Write(buffer, 0, read);
        }
        catch (SocketException)
        {
            // Hung up on the hard way.
        }

        return all.ToArray();
    }
}
