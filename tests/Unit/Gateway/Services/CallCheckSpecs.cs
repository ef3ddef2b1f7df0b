using System.IO.Compression;
using System.Net;
using System.Net.Sockets;
using Google.Protobuf;
using Grpc.Core;
using VmCacheCluster.Gateway.Audit;
using VmCacheCluster.Contracts.V1;

namespace VmCacheCluster.Tests.Unit.Gateway.Services;

/// <summary>What a caller of any library may send, and none of the usual ones does.</summary>
public sealed class CallCheckSpecs
{
    private const string Acquire = "/vmcache.v1.VmCache/Acquire", GetBaseVm = "/cache.CacheService/GetBaseVM";

    [Theory]
    [InlineData(Acquire, "1n")]
    [InlineData(Acquire, "99n")]
    [InlineData(Acquire, "0S")]
    [InlineData(GetBaseVm, "1n")]
    [InlineData("/vmcache.v1.VmCache/Renew", "1n")]
    [InlineData("/vmcache.v1.VmCache/Release", "1n")]
    [InlineData("/vmcache.v1.VmCache/Watch", "1n")]
    [InlineData("/vmcache.v1.Admin/DrainNode", "1n")]
    public async Task Does_nothing_for_a_call_whose_deadline_is_over(string method, string timeout)
    {
        await using var host = await ServiceHost.StartAsync();
        host.PlayPool(new ScriptedGuest());

        var (code, said) = await CallAsync(host, method, Message([]), ("grpc-timeout", timeout));

        Assert.True(code == StatusCode.DeadlineExceeded, $"{code}: {said}");
        Assert.Empty(host.Gateway.Messages);
    }

    [Theory]
    [InlineData("")]
    [InlineData("5")]
    [InlineData("5x")]
    [InlineData("-1S")]
    [InlineData("123456789S")]
    [InlineData("1.5S")]
    public async Task Refuses_a_deadline_that_cannot_be_read(string timeout)
    {
        await using var host = await ServiceHost.StartAsync();
        host.PlayPool(new ScriptedGuest());

        var (code, said) = await CallAsync(host, Acquire, Message([]), ("grpc-timeout", timeout));

        Assert.True(code == StatusCode.InvalidArgument, $"{code}: {said}");
        Assert.Contains("grpc-timeout", said, StringComparison.Ordinal);
        Assert.Empty(host.Gateway.Messages);
    }

    [Fact]
    public async Task Takes_a_call_with_time_and_one_whose_message_is_compressed()
    {
        await using var host = await ServiceHost.StartAsync();
        host.PlayPool(new ScriptedGuest());

        Assert.Equal(StatusCode.OK, (await CallAsync(host, Acquire, Message([]), ("grpc-timeout", "1M"))).Code);
        var request = new AcquireRequest { Labels = { ["app"] = new string('x', 50) } }.ToByteArray();
        Assert.Equal(StatusCode.OK, (await CallAsync(host, Acquire, Message(Gzip(request), flag: 1), ("grpc-encoding", "gzip"))).Code);
    }

    public static TheoryData<string, byte[], string, StatusCode, string> Broken { get; } = new()
    {
        { "4 GiB are announced", [0, 0xff, 0xff, 0xff, 0xff, 1, 2, 3], "identity", StatusCode.ResourceExhausted, "4294967295 bytes" },
        { "2 GiB are announced", [0, 0x80, 0, 0, 0], "identity", StatusCode.ResourceExhausted, "2147483648 bytes" },
        { "1 GiB is announced", [0, 0x40, 0, 0, 0], "identity", StatusCode.ResourceExhausted, "" },
        { "the first byte is neither 0 nor 1", [7, 0, 0, 0, 0], "identity", StatusCode.InvalidArgument, "begins with 7" },
        { "no message is in it", Message([0xff, 0xff, 0xff]), "identity", StatusCode.InvalidArgument, "no AcquireRequest" },
        { "it is no gzip", Message([1, 2, 3], flag: 1), "gzip", StatusCode.InvalidArgument, "gzip" },
        { "gzip holds too much", Message(Gzip(new byte[64 << 20]), flag: 1), "gzip", StatusCode.ResourceExhausted, "decompressed" },
        { "it is compressed in an unknown way", Message([1], flag: 1), "zstd", StatusCode.Unimplemented, "zstd" },
        { "it is compressed, and nothing says how", Message([1], flag: 1), "identity", StatusCode.Internal, "" },
        { "it is cut short", [0, 0, 0, 0, 9, 1], "identity", StatusCode.Internal, "" },
        { "it is empty", [], "identity", StatusCode.Internal, "" },
        { "two messages come where one is asked for", [0, 0, 0, 0, 0, 0, 0, 0, 0, 0], "identity", StatusCode.Internal, "" },
    };

    [Theory]
    [MemberData(nameof(Broken))]
    public async Task Tells_a_caller_what_is_wrong_with_its_message_and_logs_no_fault_of_its_own(
        string what, byte[] body, string encoding, StatusCode code, string said)
    {
        await using var host = await ServiceHost.StartAsync();
        host.PlayPool(new ScriptedGuest());

        var (got, detail) = await CallAsync(host, Acquire, body, ("grpc-encoding", encoding));

        Assert.True(got == code, $"{what}: {got}: {detail}");
        Assert.Contains(said, detail, StringComparison.Ordinal);
        // That the call was refused is no fault.
        Assert.DoesNotContain(host.Log.Lines, line => !line.Contains(AuditLog.Category, StringComparison.Ordinal));
        Assert.Empty(host.Gateway.Messages);
    }

    [Theory]
    [InlineData("/vmcache.v1.VmCache/Exec")]
    [InlineData("/vmcache.v1.VmCache/Connect")]
    public async Task Tells_it_on_a_stream_too(string method)
    {
        await using var host = await ServiceHost.StartAsync();
        host.PlayPool(new ScriptedGuest());

        Assert.Equal(StatusCode.InvalidArgument, (await CallAsync(host, method, Message([0xff, 0xff]))).Code);
        Assert.Equal(StatusCode.ResourceExhausted, (await CallAsync(host, method, [0, 0xff, 0xff, 0xff, 0xff])).Code);
        // That the call was refused is no fault.
        Assert.DoesNotContain(host.Log.Lines, line => !line.Contains(AuditLog.Category, StringComparison.Ordinal));
    }

    private static byte[] Message(byte[] content, byte flag = 0) => [flag, .. BitConverter.GetBytes(IPAddress.HostToNetworkOrder(content.Length)), .. content];

    private static byte[] Gzip(byte[] content)
    {
        using var to = new MemoryStream();
        using (var gzip = new GZipStream(to, CompressionLevel.Fastest)) gzip.Write(content);
        return to.ToArray();
    }

    private static async Task<(StatusCode Code, string Said)> CallAsync(ServiceHost host, string method, byte[] body, params (string Name, string Value)[] headers)
    {
        using var http = new HttpClient(new SocketsHttpHandler
        {
            ConnectCallback = async (_, cancel) =>
            {
                var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
                await socket.ConnectAsync(new UnixDomainSocketEndPoint(host.Endpoint), cancel);
                return new NetworkStream(socket, ownsSocket: true);
            },
        }) { Timeout = ServiceHost.Patience };
        using var request = new HttpRequestMessage(HttpMethod.Post, "http://localhost" + method)
        {
            Version = HttpVersion.Version20, VersionPolicy = HttpVersionPolicy.RequestVersionExact, Content = new ByteArrayContent(body),
        };
        request.Content.Headers.ContentType = new("application/grpc");
        request.Headers.TE.Add(new("trailers"));
        foreach (var (name, value) in headers) request.Headers.TryAddWithoutValidation(name, value);
        using var response = await http.SendAsync(request);
        await response.Content.ReadAsByteArrayAsync();
        return ((StatusCode)int.Parse(Header("grpc-status"), null), Uri.UnescapeDataString(Header("grpc-message")));

        string Header(string name) => response.TrailingHeaders.TryGetValues(name, out var trailer) ? trailer.Single()
            : response.Headers.TryGetValues(name, out var header) ? header.Single() : "";
    }
}
