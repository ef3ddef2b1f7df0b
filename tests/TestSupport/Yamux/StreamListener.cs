using System.IO.Pipelines;
using System.Net;
using System.Threading.Channels;
using Microsoft.AspNetCore.Connections;

namespace VmCacheCluster.Tests.TestSupport.Yamux;

/// <summary>The address of streams that are there already.</summary>
internal sealed class StreamEndPoint : EndPoint;

/// <summary>Gives Kestrel streams for connections.</summary>
internal sealed class StreamListener : IConnectionListenerFactory, IConnectionListenerFactorySelector, IConnectionListener
{
    private readonly Channel<Stream> _offered = Channel.CreateUnbounded<Stream>();

    public EndPoint EndPoint { get; private set; } = new StreamEndPoint();

    public void Offer(Stream stream) => _offered.Writer.TryWrite(stream);

    public bool CanBind(EndPoint endpoint) => endpoint is StreamEndPoint;

    public ValueTask<IConnectionListener> BindAsync(EndPoint endpoint, CancellationToken cancellationToken = default)
    {
        EndPoint = endpoint;
        return new ValueTask<IConnectionListener>(this);
    }

    public async ValueTask<ConnectionContext?> AcceptAsync(CancellationToken cancellationToken = default)
    {
        try
        {
            var stream = await _offered.Reader.ReadAsync(cancellationToken);
            return new StreamConnection(stream) { Transport = new Pipes(stream) };
        }
        catch (Exception fault) when (fault is ChannelClosedException or OperationCanceledException)
        {
            return null;
        }
    }

    public ValueTask UnbindAsync(CancellationToken cancellationToken = default)
    {
        _offered.Writer.TryComplete();
        return ValueTask.CompletedTask;
    }

    public ValueTask DisposeAsync() => UnbindAsync();

    private sealed class Pipes(Stream stream) : IDuplexPipe
    {
        public PipeReader Input { get; } = PipeReader.Create(stream, new StreamPipeReaderOptions(leaveOpen: true));

        public PipeWriter Output { get; } = PipeWriter.Create(stream, new StreamPipeWriterOptions(leaveOpen: true));
    }

    private sealed class StreamConnection(Stream stream) : DefaultConnectionContext
    {
        public override void Abort(ConnectionAbortedException abortReason) => stream.Dispose();

        public override async ValueTask DisposeAsync()
        {
            await base.DisposeAsync();
            await stream.DisposeAsync();
        }
    }
}
