using System.Net;
using System.Net.Sockets;
using System.Text;
using CsCheck;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Logging;
using VmCacheCluster.Domain;
using VmCacheCluster.Gateway.Endpoints;
using VmCacheCluster.Tests.TestSupport;
using VmCacheCluster.Tests.TestSupport.Http2;
using Xunit;

namespace VmCacheCluster.Tests.Unit.Gateway.Endpoints.Http2;

/// <summary>Kestrel behind the Unix socket's transport, and clients that name whatever they like as the host. It answers with the fields that it read.</summary>
public sealed class OldClientSpecs : IAsyncLifetime
{
    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("vmold");
    private WebApplication _app = null!;

    public async Task InitializeAsync()
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel =>
        {
            kestrel.ListenUnixSocket(Path.Combine(_directory.FullName, "c.sock"), listen => listen.Protocols = HttpProtocols.Http2);
            kestrel.Listen(IPAddress.Loopback, 0, listen => listen.Protocols = HttpProtocols.Http2);
        });
        builder.Logging.ClearProviders();
        builder.Services.AddGatedConnections(new ConnectionLimits(100, 100));
        _app = builder.Build();
        _app.Run(call => call.Response.WriteAsync(string.Join('\n', call.Request.Headers.Select(h => $"{h.Key.ToLowerInvariant()}={string.Join(',', h.Value.ToArray())}").Append($"path={call.Request.Path}"))));
        await _app.StartAsync();
    }

    public async Task DisposeAsync()
    {
        await _app.StopAsync(new CancellationToken(canceled: true));
        await _app.DisposeAsync();
        _directory.Delete(true);
    }

    [Theory]
    [InlineData("/run/vc/cache.sock")]
    [InlineData("unix:///run/vc/cache.sock")]
    [InlineData("unix:/run/x.sock")]
    [InlineData("[::]:x")]
    [InlineData("user@host")]
    [InlineData("a b\t\"<>\\^`{|}")]
    [InlineData("h\u00e4h")]
    [InlineData("-")]
    [InlineData("a_b.c-d:1")]
    [InlineData("")]
    public async Task Answers_whatever_the_client_of_a_unix_socket_calls_the_host(string authority)
    {
        var block = Call(new HpackWriter(), authority, "/a");

        var answer = Assert.Single(await AskAsync(Local(), Frames.Block(1, block)));

        Assert.Contains("path=/a", answer, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Is_strict_on_a_tcp_port()
    {
        var block = Call(new HpackWriter(), "/run/vc/cache.sock", "/a");

        var refused = await Assert.ThrowsAsync<RefusedException>(() => AskAsync(Remote(), Frames.Block(1, block)));

        Assert.Equal(1, refused.Error);
    }

    /// <summary>Names and values of all kinds, sent in all ways, in several calls of one connection: each arrives as it was sent.</summary>
    [Fact]
    public async Task Reads_every_other_field_as_it_was_sent_however_it_was_sent()
    {
        var value = Gen.String[Gen.Char['!', '~'], 0, 60];
        var field = Gen.Select(Of("x-a", "x-b", "accept", "user-agent", "x-" + new string('c', 300)), value, Gen.Enum<Sent>(), Gen.Bool, Gen.Bool);
        var authority = Gen.Select(Gen.OneOf(Of("/run/vc/cache.sock", "unix:///x", "localhost"), value), Gen.Enum<Sent>(), Gen.Bool, Gen.Bool);
        var call = Gen.Select(authority, field.Array[0, 6], Gen.Int[1, 40], Gen.Int[-1, 20], Gen.Bool, Of(-1, -1, 0, 100, 4096));
        await call.Array[1, 6].SampleAsync(CheckAsync, iter: 300, threads: 1);
    }

    private async Task CheckAsync(((string, Sent, bool, bool) Authority, (string, string, Sent, bool, bool)[] Fields, int Part, int Padding, bool Priority, int Table)[] calls)
    {
        var writer = new HpackWriter();
        var sent = new List<byte>();
        for (var i = 0; i < calls.Length; i++)
        {
            var ((authority, how, huffman, spelled), fields, part, padding, priority, table) = calls[i];
            if (table >= 0) writer.Resize(table);
            writer.Field(":method", "GET", Sent.Indexed).Field(":scheme", "http").Field(":path", $"/{i}").Field(":authority", authority, how, huffman, spelled);
            foreach (var (name, value, fieldHow, fieldHuffman, fieldSpelled) in fields) writer.Field(name, value, fieldHow, fieldHuffman, fieldSpelled);
            sent.AddRange(Frames.Block(2 * i + 1, writer.Take(), Frames.EndStream, part + 20, padding < 0 ? null : padding, priority));
        }

        var answers = await AskAsync(Local(), [.. sent], calls.Length);

        for (var i = 0; i < calls.Length; i++)
        {
            var lines = answers[i].Split('\n');
            Assert.Contains($"path=/{i}", lines);
            foreach (var group in calls[i].Fields.GroupBy(f => f.Item1))
                Assert.Contains($"{group.Key}={string.Join(',', group.Select(f => f.Item2))}", lines);
            Assert.Equal(calls[i].Authority.Item1.Length, (lines.SingleOrDefault(l => l.StartsWith("host=", StringComparison.Ordinal)) ?? "host=").Length - "host=".Length);
        }
    }

    private static Gen<T> Of<T>(params T[] values) => Gen.Int[0, values.Length - 1].Select(i => values[i]);

    private static byte[] Call(HpackWriter writer, string authority, string path) =>
        writer.Field(":method", "GET").Field(":scheme", "http").Field(":path", path).Field(":authority", authority).Take();

    private Socket Local()
    {
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        socket.Connect(new UnixDomainSocketEndPoint(Path.Combine(_directory.FullName, "c.sock")));
        return socket;
    }

    private Socket Remote()
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        socket.Connect(IPEndPoint.Parse(_app.Urls.Single(u => u.Contains("127.0.0.1", StringComparison.Ordinal))["http://".Length..]));
        return socket;
    }

    /// <returns>The answers by stream.</returns>
    private static async Task<List<string>> AskAsync(Socket socket, byte[] calls, int count = 1)
    {
        using var limit = new CancellationTokenSource(Eventually.Patience);
        await using var stream = new NetworkStream(socket, ownsSocket: true);
        await stream.WriteAsync((byte[])[.. Frames.Preface, .. Frames.Make(Frames.Settings, 0, 0), .. calls], limit.Token);
        var answers = new SortedDictionary<int, StringBuilder>();
        for (var ended = 0; ended < count;)
        {
            var frame = await Http2Frame.ReadAsync(stream, limit.Token);
            if (frame.Type == Http2Frame.GoAway) throw new RefusedException(frame.Payload[7]);
            if (frame.Type == Http2Frame.ResetStream) throw new RefusedException(frame.Payload[3]);
            if (frame.Type == Http2Frame.Data)
            {
                if (!answers.TryGetValue(frame.Stream, out var text)) text = answers[frame.Stream] = new StringBuilder();
                text.Append(Encoding.Latin1.GetString(frame.Payload));
            }

            if (frame.Stream != 0 && frame.Has(Http2Frame.EndStream)) ended++;
        }

        return [.. answers.Values.Select(a => a.ToString())];
    }

    /// <param name="error">HTTP/2's number.</param>
    private sealed class RefusedException(int error) : Exception($"refused: {error}")
    {
        public int Error => error;
    }
}
