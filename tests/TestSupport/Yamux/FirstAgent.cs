using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Net.Sockets;
using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using VmCacheCluster.Agent;
using VmCacheCluster.Agent.Kata;
using VmCacheCluster.Agent.Yamux;

namespace VmCacheCluster.Tests.TestSupport.Yamux;

/// <summary>
/// An agent of Kata 1.x on a Unix socket, where QEMU's end of its channel would be: a yamux server, and gRPC in each of its streams.
/// </summary>
public sealed class FirstAgent : IAsyncDisposable
{
    private readonly Socket _listener = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
    private readonly StreamListener _streams = new();
    private readonly CancellationTokenSource _life = new();
    private readonly ConcurrentBag<Stream> _open = [];
    private readonly WebApplication _app;

    private FirstAgent(string path)
    {
        _listener.Bind(new UnixDomainSocketEndPoint(path));
        _listener.Listen(16);
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.Services.AddSingleton<IConnectionListenerFactory>(_streams);
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.Listen(new StreamEndPoint(), listen => listen.Protocols = HttpProtocols.Http2);
            // As over vsock, and as a proxy would lead to it.
            kestrel.ListenUnixSocket(path + ".direct", listen => listen.Protocols = HttpProtocols.Http2);
        });
        _app = builder.Build();
        _app.Run(AnswerAsync);
    }

    /// <summary>Every call, in order, such as "grpc.Health/Check".</summary>
    public ConcurrentQueue<string> Calls { get; } = new();

    /// <summary>How many bytes of entropy it was given last.</summary>
    public int Entropy { get; private set; }

    public bool Serves { get; set; } = true;

    /// <summary>As a paused guest: it takes connections, and answers nothing.</summary>
    public bool Paused { get; set; }

    /// <summary>What the agent's own calls are refused with; null: they go well.</summary>
    public string? Refusal { get; set; }

    /// <summary>The connection ends in the middle of each call.</summary>
    public bool HangsUp { get; set; }

    /// <summary>How each session ended: how many of its streams were open still.</summary>
    public ConcurrentQueue<int> Cut { get; } = new();

    /// <summary>It sends this instead of yamux.</summary>
    public byte[]? Garbage { get; set; }

    public static async Task<FirstAgent> StartAsync(string path)
    {
        var agent = new FirstAgent(path);
        await agent._app.StartAsync();
        _ = agent.AcceptAsync();
        return agent;
    }

    public async ValueTask DisposeAsync()
    {
        await _life.CancelAsync();
        _listener.Dispose();
        foreach (var stream in _open) await stream.DisposeAsync();
        using var soon = new CancellationTokenSource(TimeSpan.Zero);
        await _app.StopAsync(soon.Token);
        await _app.DisposeAsync();
    }

    private async Task AcceptAsync()
    {
        try
        {
            while (true) _ = ServeAsync(new NetworkStream(await _listener.AcceptAsync(_life.Token), ownsSocket: true));
        }
        catch (Exception fault) when (fault is OperationCanceledException or SocketException or ObjectDisposedException)
        {
            // It is over.
        }
    }

    private async Task ServeAsync(Stream connection)
    {
        _open.Add(connection);
        if (Garbage is { } garbage)
        {
            await connection.WriteAsync(garbage);
            return;
        }

        await using var session = new YamuxSession(connection, client: false);
        while (await session.AcceptAsync(_life.Token) is { } stream) _streams.Offer(stream);
        await session.Closed;
        Cut.Enqueue(session.Cut);
    }

    private async Task AnswerAsync(HttpContext context)
    {
        var call = context.Request.Path.Value!.TrimStart('/');
        Calls.Enqueue(call);
        var message = await ReadAsync(context.Request.Body);
        if (Paused) await Task.Delay(Timeout.Infinite, context.RequestAborted);
        if (HangsUp) foreach (var stream in _open) await stream.DisposeAsync();
        context.Response.ContentType = "application/grpc";
        if (Refusal is { } refusal && call.StartsWith(AgentServices.Agent, StringComparison.Ordinal))
        {
            context.Response.AppendTrailer("grpc-status", "13");
            context.Response.AppendTrailer("grpc-message", refusal);
            return;
        }

        if (Of(call, message) is not { } answer)
        {
            context.Response.AppendTrailer("grpc-status", "12");
            context.Response.AppendTrailer("grpc-message", $"unknown method {call}");
            return;
        }

        var body = new byte[5 + answer.CalculateSize()];
        BinaryPrimitives.WriteUInt32BigEndian(body.AsSpan(1), (uint)(body.Length - 5));
        answer.WriteTo(body.AsSpan(5));
        await context.Response.Body.WriteAsync(body);
        context.Response.AppendTrailer("grpc-status", "0");
    }

    private IMessage? Of(string call, byte[] message)
    {
        switch (call)
        {
            case "grpc.Health/Check":
                return new HealthCheckResponse { Status = Serves ? HealthCheckResponse.Types.ServingStatus.Serving : HealthCheckResponse.Types.ServingStatus.NotServing };
            case "grpc.Health/Version":
                return new VersionCheckResponse { AgentVersion = "1.13.0", GrpcVersion = "0.0.1" };
            case "grpc.AgentService/ReseedRandomDev":
                Entropy = ReseedRandomDevRequest.Parser.ParseFrom(message).Data.Length;
                return new Empty();
            case "grpc.AgentService/SetGuestDateTime" or "grpc.AgentService/OnlineCPUMem":
                return new Empty();
            case "grpc.AgentService/GetGuestDetails":
                return new GuestDetailsResponse { MemBlockSizeBytes = 128 << 20, AgentDetails = new AgentDetails { Version = "1.13.0" } };
            default:
                return null;
        }
    }

    private static async Task<byte[]> ReadAsync(Stream body)
    {
        var head = new byte[5];
        await body.ReadExactlyAsync(head);
        var message = new byte[BinaryPrimitives.ReadUInt32BigEndian(head.AsSpan(1))];
        await body.ReadExactlyAsync(message);
        return message;
    }
}
