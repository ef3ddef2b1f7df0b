using System.Net.Sockets;
using System.Threading.Channels;
using Akka.Actor;
using Akka.Remote.Transport;
using Google.Protobuf;

namespace VmCacheCluster.Gateway.Cluster.Transport;

/// <summary>One connection between two nodes, as Akka.Remote sees it. Safe for use by many threads.</summary>
internal sealed class Link : AssociationHandle
{
    /// <summary>Bytes that may wait to be sent. Akka keeps what is beyond and tries it again.</summary>
    private const int MostWaiting = 1 << 20;

    /// <summary>How long it may take to send what waits, and to see the other side close, when the link is closed.</summary>
    private static readonly TimeSpan Farewell = TimeSpan.FromSeconds(2);

    private readonly SecuredLink _link;
    private readonly int _largest;
    private readonly Action<string> _tell;
    private readonly CancellationTokenSource _over = new();
    private readonly Channel<ByteString> _outgoing = Channel.CreateUnbounded<ByteString>(new UnboundedChannelOptions { SingleReader = true });
    private int _waiting;
    private volatile bool _closing;

    /// <param name="largest">Of a frame, in bytes.</param>
    /// <param name="tell">Told why the link ended, where that is not the other side's or our wish.</param>
    public Link(Address local, Address remote, SecuredLink link, int largest, Action<string> tell)
        : base(local, remote) => (_link, _largest, _tell) = (link, largest, tell);

    public override bool Write(ByteString payload)
    {
        var size = Frames.HeaderLength + payload.Length;
        // A frame that is larger than all the room goes when nothing else waits.
        if (Interlocked.Add(ref _waiting, size) is var waiting && waiting > MostWaiting && waiting > size)
        {
            Interlocked.Add(ref _waiting, -size);
            return false;
        }

        if (_outgoing.Writer.TryWrite(payload)) return true;
        Interlocked.Add(ref _waiting, -size);
        return false;
    }

    [Obsolete("As in Akka.Remote, whose own calls end here.")]
    public override void Disassociate() => Close();

    /// <summary>Sends what waits, then closes. May be called any number of times.</summary>
    public void Close()
    {
        if (!_outgoing.Writer.TryComplete()) return;
        _closing = true;
        _over.CancelAfter(Farewell);
    }

    /// <summary>Serves the link until it is closed by either side.</summary>
    public async Task RunAsync()
    {
        try
        {
            var (reading, writing) = (ReadAsync(), WriteAsync());
            // What has been sent is lost on the other side when we close before it has read that: it closes first.
            if (await Task.WhenAny(reading, writing).ConfigureAwait(false) == writing && await writing.ConfigureAwait(false))
                await reading.ConfigureAwait(false);
            _outgoing.Writer.TryComplete();
            await _over.CancelAsync().ConfigureAwait(false);
            await Task.WhenAll(reading, writing).ConfigureAwait(false);
        }
        finally
        {
            await _link.DisposeAsync().ConfigureAwait(false);
            if (ReadHandlerSource.Task is { IsCompletedSuccessfully: true } listener) (await listener.ConfigureAwait(false)).Notify(new Disassociated(DisassociateInfo.Unknown));
        }
    }

    /// <summary>Until the other side has closed.</summary>
    private async Task ReadAsync()
    {
        try
        {
            var listener = await ReadHandlerSource.Task.WaitAsync(_over.Token).ConfigureAwait(false);
            var header = new byte[Frames.HeaderLength];
            while (await Frames.ReadAsync(_link.Stream, header, _largest, _over.Token).ConfigureAwait(false) is { } payload)
                if (!payload.IsEmpty && !_closing) listener.Notify(new InboundPayload(payload));
        }
        catch (InvalidDataException fault)
        {
            _tell(fault.Message);
        }
        catch (Exception fault) when (IsEnd(fault))
        {
            // Closed by either side.
        }
    }

    /// <returns>All was sent, and the other side knows that nothing more comes.</returns>
    private async Task<bool> WriteAsync()
    {
        var buffer = new ArrayBuffer();
        try
        {
            while (await _outgoing.Reader.WaitToReadAsync(_over.Token).ConfigureAwait(false))
            {
                while (buffer.Length < ArrayBuffer.Enough && _outgoing.Reader.TryRead(out var payload)) buffer.Add(payload);
                await _link.Stream.WriteAsync(buffer.Written, _over.Token).ConfigureAwait(false);
                await _link.Stream.FlushAsync(_over.Token).ConfigureAwait(false);
                Interlocked.Add(ref _waiting, -buffer.Length);
                buffer.Clear();
            }

            _link.EndSending();
            return true;
        }
        catch (Exception fault) when (IsEnd(fault))
        {
            return false;
        }
    }

    private static bool IsEnd(Exception fault) => fault is IOException or SocketException or OperationCanceledException or ObjectDisposedException;

    /// <summary>Frames that are sent together.</summary>
    private sealed class ArrayBuffer
    {
        /// <summary>Bytes that are worth a call of their own.</summary>
        public const int Enough = 64 * 1024;

        private byte[] _bytes = new byte[4096];

        public int Length { get; private set; }

        public ReadOnlyMemory<byte> Written => _bytes.AsMemory(0, Length);

        public void Add(ByteString payload)
        {
            var end = Length + Frames.HeaderLength + payload.Length;
            if (end > _bytes.Length) Array.Resize(ref _bytes, Math.Max(end, 2 * _bytes.Length));
            Frames.WriteHeader(_bytes.AsSpan(Length), payload.Length);
            payload.Span.CopyTo(_bytes.AsSpan(Length + Frames.HeaderLength));
            Length = end;
        }

        public void Clear()
        {
            Length = 0;
            if (_bytes.Length > 2 * Enough) _bytes = new byte[4096];
        }
    }
}
