using System.Net.Sockets;
using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;
using Grpc.Core;
using VmCacheCluster.Cli;
using Xunit;

namespace VmCacheCluster.Tests.Unit.Cli;

public sealed class ErrorSpecs
{
    [Fact]
    public async Task Says_that_there_is_no_socket_and_what_to_do()
    {
        var run = await CliRun.Of("status", "--endpoint", "/nonexistent/cache.sock");

        Assert.Equal(ExitCode.NotReachable, run.Exit);
        Assert.Equal(
            "error: cannot connect to /nonexistent/cache.sock: there is no such socket; is vmcached running? start it ('vmcached', or "
            + "'systemctl start vmcached'), or name its socket by --endpoint or VMCACHE_ENDPOINT\n",
            run.Error);
    }

    [Fact]
    public async Task Says_that_nothing_listens_at_a_stale_socket()
    {
        var directory = Directory.CreateTempSubdirectory("vmc");
        var path = Path.Combine(directory.FullName, "s");
        using (var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified))
        {
            socket.Bind(new UnixDomainSocketEndPoint(path));

            var run = await CliRun.Of("status", "-o", "json", "--endpoint", path);

            Assert.Equal(ExitCode.NotReachable, run.Exit);
            Assert.Equal("NOT_LISTENING", run.ErrorJson.GetProperty("reason").GetString());
            Assert.Contains($"{path}: nothing listens there", run.ErrorJson.GetProperty("message").GetString());
        }

        directory.Delete(recursive: true);
    }

    [Theory]
    [InlineData("HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")]
    [InlineData("this is not HTTP, nor anything else that one would expect there")]
    [InlineData("")]
    public async Task Fails_clearly_when_something_else_listens_there(string says)
    {
        var directory = Directory.CreateTempSubdirectory("vmc");
        var path = Path.Combine(directory.FullName, "s");
        using var listener = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        listener.Bind(new UnixDomainSocketEndPoint(path));
        listener.Listen(8);
        var answering = AnswerAllAsync(listener, says);

        var run = await CliRun.Of("status", "-o", "json", "--endpoint", path);
        listener.Dispose();
        await answering;
        directory.Delete(recursive: true);

        Assert.Contains(run.Exit, new[] { ExitCode.Failed, ExitCode.NotReachable });
        Assert.Contains(run.ErrorJson.GetProperty("reason").GetString(), new[] { "NOT_VMCACHED", "CONNECTION_LOST" });
        Assert.Contains(path, run.ErrorJson.GetProperty("message").GetString());
    }

    [Theory]
    [InlineData(StatusCode.NotFound, ExitCode.NotFound)]
    [InlineData(StatusCode.ResourceExhausted, ExitCode.ExhaustedOrTimeout)]
    [InlineData(StatusCode.FailedPrecondition, ExitCode.WrongState)]
    [InlineData(StatusCode.Unavailable, ExitCode.NotReachable)]
    [InlineData(StatusCode.InvalidArgument, ExitCode.Usage)]
    [InlineData(StatusCode.Internal, ExitCode.Failed)]
    public async Task Exits_by_the_nodes_status(StatusCode code, int exit)
    {
        await using var node = await FakeNode.StartAsync(new FakeNode.Answers
        {
            GetStatus = () => throw FakeNode.Answers.Status(code, "the node says no"),
        });

        var run = await CliRun.Of("status", "--endpoint", node.Endpoint);

        Assert.Equal((exit, "error: the node says no\n"), (run.Exit, run.Error));
    }

    [Fact]
    public async Task Tells_reason_metadata_and_retry_delay_of_a_refusal()
    {
        await using var node = await FakeNode.StartAsync(new FakeNode.Answers
        {
            GetBaseVm = _ => throw new RpcException(
                new Status(StatusCode.ResourceExhausted, "pool default has no warm VM: no memory"), Details()),
        });

        var json = await CliRun.Of("get-base-vm", "-o", "json", "--endpoint", node.Endpoint);
        var text = await CliRun.Of("get-base-vm", "--endpoint", node.Endpoint);

        Assert.Equal(ExitCode.ExhaustedOrTimeout, json.Exit);
        Assert.Equal("RESOURCE_EXHAUSTED", json.ErrorJson.GetProperty("code").GetString());
        Assert.Equal("POOL_EMPTY", json.ErrorJson.GetProperty("reason").GetString());
        Assert.Equal("default", json.ErrorJson.GetProperty("metadata").GetProperty("pool").GetString());
        Assert.Equal(1.5, json.ErrorJson.GetProperty("retryAfterSeconds").GetDouble());
        Assert.Equal("error: pool default has no warm VM: no memory; try again in 1.5 s\n", text.Error);
    }

    /// <summary>google.rpc.Status, written by hand as the wire has it: code 1, message 2, details 3.</summary>
    private static Metadata Details()
    {
        using var info = new MemoryStream();
        using (var output = new CodedOutputStream(info, leaveOpen: true))
        {
            output.WriteRawTag(10);
            output.WriteString("POOL_EMPTY");
            output.WriteRawTag(18);
            output.WriteString("vmcache");
            output.WriteRawTag(26);
            output.WriteBytes(ByteString.CopyFrom([10, 4, .. "pool"u8, 18, 7, .. "default"u8]));
        }

        using var retry = new MemoryStream();
        using (var output = new CodedOutputStream(retry, leaveOpen: true))
        {
            output.WriteRawTag(10);
            output.WriteMessage(new Duration { Seconds = 1, Nanos = 500_000_000 });
        }

        using var status = new MemoryStream();
        using (var output = new CodedOutputStream(status, leaveOpen: true))
        {
            output.WriteRawTag(8);
            output.WriteInt32(8);
            foreach (var (type, value) in new[] { ("ErrorInfo", info), ("RetryInfo", retry), ("Help", new MemoryStream([1])) })
            {
                output.WriteRawTag(26);
                output.WriteMessage(new Any { TypeUrl = $"type.googleapis.com/google.rpc.{type}", Value = ByteString.CopyFrom(value.ToArray()) });
            }
        }

        return new Metadata { { "grpc-status-details-bin", status.ToArray() } };
    }

    private static async Task AnswerAllAsync(Socket listener, string says)
    {
        try
        {
            while (true)
            {
                using var client = await listener.AcceptAsync();
                await client.SendAsync(System.Text.Encoding.ASCII.GetBytes(says));
            }
        }
        catch (Exception fault) when (fault is SocketException or ObjectDisposedException)
        {
            // The test is over.
        }
    }
}
