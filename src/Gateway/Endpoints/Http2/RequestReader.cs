using System.Buffers;
using System.IO.Pipelines;

namespace VmCacheCluster.Gateway.Endpoints.Http2;

/// <summary>Reads what a client sends through <see cref="RequestFrames"/>.</summary>
internal sealed class RequestReader(PipeReader client) : PipeReader
{
    private readonly RequestFrames _frames = new();

    /// <summary>Only what has been read is in it, so it needs no limit of its own.</summary>
    private readonly Pipe _read = new(new PipeOptions(
        readerScheduler: PipeScheduler.Inline, writerScheduler: PipeScheduler.Inline, pauseWriterThreshold: 0, useSynchronizationContext: false));

    /// <summary>The consumer has seen all that was read, and wants more. <see cref="Pipe"/> would give it the rest again.</summary>
    private bool _wantsMore = true;

    /// <summary>What the consumer was given.</summary>
    private ReadOnlySequence<byte> _given;
    private bool _completed;

    public override async ValueTask<ReadResult> ReadAsync(CancellationToken cancellationToken = default)
    {
        while (_wantsMore && !_completed) await TakeAsync(await client.ReadAsync(cancellationToken).ConfigureAwait(false)).ConfigureAwait(false);
        return Give(await _read.Reader.ReadAsync(CancellationToken.None).ConfigureAwait(false));
    }

    public override bool TryRead(out ReadResult result)
    {
        while (_wantsMore && !_completed && client.TryRead(out var more)) TakeAsync(more).AsTask().GetAwaiter().GetResult();
        result = default;
        if ((_wantsMore && !_completed) || !_read.Reader.TryRead(out result)) return false;
        Give(result);
        return true;
    }

    public override void AdvanceTo(SequencePosition consumed) => AdvanceTo(consumed, consumed);

    public override void AdvanceTo(SequencePosition consumed, SequencePosition examined)
    {
        _wantsMore = _given.Slice(examined).IsEmpty;
        _read.Reader.AdvanceTo(consumed, examined);
    }

    public override void CancelPendingRead() => client.CancelPendingRead();

    public override void Complete(Exception? exception = null)
    {
        _read.Reader.Complete(exception);
        client.Complete(exception);
    }

    private ReadResult Give(ReadResult result)
    {
        _given = result.Buffer;
        return result;
    }

    private async ValueTask TakeAsync(ReadResult read)
    {
        _frames.Copy(read.Buffer, _read.Writer);
        if (read.IsCompleted) _frames.End(_read.Writer);
        client.AdvanceTo(read.Buffer.End);
        // Without a limit it ends at once.
        _wantsMore = !read.IsCanceled && _read.Writer.UnflushedBytes == 0;
        await _read.Writer.FlushAsync().ConfigureAwait(false);
        _completed = read.IsCompleted;
        if (read.IsCompleted) await _read.Writer.CompleteAsync().ConfigureAwait(false);
        if (read.IsCanceled) _read.Reader.CancelPendingRead();
    }
}
