using System.Buffers;
using System.Buffers.Binary;
using System.IO.Pipelines;

namespace VmCacheCluster.Gateway.Services;

/// <summary>
/// A call's body, whose next message is looked at before the gRPC library does: of a header that can be no message's it makes a fault of the
/// server's. What is read begins with a message, since the library takes them whole.
/// </summary>
internal sealed class CheckedFrames(PipeReader inner) : PipeReader
{
    private const int HeaderLength = 5;

    public override ValueTask<ReadResult> ReadAsync(CancellationToken cancellationToken = default)
    {
        var reading = inner.ReadAsync(cancellationToken);
        return reading.IsCompletedSuccessfully ? new ValueTask<ReadResult>(Check(reading.Result)) : CheckAsync(reading);
    }

    public override bool TryRead(out ReadResult result)
    {
        var read = inner.TryRead(out result);
        if (read) Check(result);
        return read;
    }

    public override void AdvanceTo(SequencePosition consumed) => inner.AdvanceTo(consumed);

    public override void AdvanceTo(SequencePosition consumed, SequencePosition examined) => inner.AdvanceTo(consumed, examined);

    public override void CancelPendingRead() => inner.CancelPendingRead();

    public override void Complete(Exception? exception = null) => inner.Complete(exception);

    private async ValueTask<ReadResult> CheckAsync(ValueTask<ReadResult> reading) => Check(await reading);

    private ReadResult Check(ReadResult read)
    {
        if (read.Buffer.Length < HeaderLength) return read;
        Span<byte> header = stackalloc byte[HeaderLength];
        read.Buffer.Slice(0, HeaderLength).CopyTo(header);
        var length = BinaryPrimitives.ReadUInt32BigEndian(header[1..]);
        if (header[0] <= 1 && length <= int.MaxValue) return read;
        inner.AdvanceTo(read.Buffer.Start);
        throw length > int.MaxValue ? GrpcErrors.TooLarge($"a message announces {length} bytes") : GrpcErrors.BadMessage($"a message begins with {header[0]}, not with 0 or 1");
    }
}
