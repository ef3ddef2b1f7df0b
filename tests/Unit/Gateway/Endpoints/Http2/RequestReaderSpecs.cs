using System.Buffers;
using System.IO.Pipelines;
using System.Text;
using VmCacheCluster.Gateway.Endpoints.Http2;
using VmCacheCluster.Tests.TestSupport;
using Xunit;

namespace VmCacheCluster.Tests.Unit.Gateway.Endpoints.Http2;

public sealed class RequestReaderSpecs
{
    private readonly Pipe _client = new();
    private readonly RequestReader _reader;

    public RequestReaderSpecs() => _reader = new RequestReader(_client.Reader);

    [Fact]
    public async Task Waits_for_more_when_the_consumer_has_seen_all_and_taken_none()
    {
        await SendAsync("GET ");
        var first = await ReadAsync();
        _reader.AdvanceTo(first.Buffer.Start, first.Buffer.End);

        var more = _reader.ReadAsync().AsTask();
        Assert.False(more.IsCompleted);
        await SendAsync("/");

        Assert.Equal("GET /", Text(await more.WaitAsync(Eventually.Patience)));
    }

    [Fact]
    public async Task Gives_what_the_consumer_has_not_seen_again_without_the_client()
    {
        await SendAsync("GET /");
        var first = await ReadAsync();
        _reader.AdvanceTo(first.Buffer.GetPosition(4));

        Assert.Equal("/", Text(await ReadAsync()));
    }

    [Fact]
    public async Task Is_cancelled_while_it_waits()
    {
        var reading = _reader.ReadAsync().AsTask();
        _reader.CancelPendingRead();

        var cancelled = await reading.WaitAsync(Eventually.Patience);
        Assert.True(cancelled.IsCanceled);
        _reader.AdvanceTo(cancelled.Buffer.End);
        await SendAsync("GET /");
        Assert.Equal("GET /", Text(await ReadAsync()));
    }

    [Fact]
    public async Task Ends_with_the_client_and_what_it_said_last()
    {
        await SendAsync("PRI * HTT");
        await _client.Writer.CompleteAsync();

        var last = await ReadAsync();
        Assert.Equal(("PRI * HTT", true), (Text(last), last.IsCompleted));
        _reader.AdvanceTo(last.Buffer.End);
        Assert.True((await ReadAsync()).IsCompleted);
    }

    /// <summary>It is answered as soon as it cannot be HTTP/2, though it is shorter than that one's first words.</summary>
    [Fact]
    public async Task Holds_back_nothing_of_another_protocol()
    {
        await SendAsync("P");
        await SendAsync("OST /");

        Assert.Equal("POST /", Text(await ReadAsync()));
    }

    private async Task<ReadResult> ReadAsync() => await _reader.ReadAsync().AsTask().WaitAsync(Eventually.Patience);

    private async Task SendAsync(string text) => await _client.Writer.WriteAsync(Encoding.ASCII.GetBytes(text));

    private static string Text(ReadResult read) => Encoding.ASCII.GetString(read.Buffer.ToArray());
}
