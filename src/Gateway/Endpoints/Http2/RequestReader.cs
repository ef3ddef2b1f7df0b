using System.IO.Pipelines;

namespace VmCacheCluster.Gateway.Endpoints.Http2;

/// <summary>Reads what a client sends through <see cref="RequestFrames"/>.</summary>
internal sealed class RequestReader(PipeReader client) : PipeReader
{
    private readonly RequestFrames _frames = new();

    /// <summary>Only what has been read is in it, so it needs no limit of its own.</summary>
    private readonly Pipe _read = new(new PipeOptions(
        readerScheduler: PipeScheduler.Inline, writerScheduler: PipeScheduler.Inline, pauseWriterThreshold: 0, useSynchronizationContext: false));

    public override async ValueTask<ReadResult> ReadAsync(CancellationToken cancellationToken = default)
    {
        while (true)
        {
            if (_read.Reader.TryRead(out var result)) return result;
            await TakeAsync(await client.ReadAsync(cancellationToken).ConfigureAwait(false)).ConfigureAwait(false);
        }
    }

    public override bool TryRead(out ReadResult result)
    {
        while (!_read.Reader.TryRead(out result))
        {
            if (!client.TryRead(out var more)) return false;
            TakeAsync(more).AsTask().GetAwaiter().GetResult();
        }

        return true;
    }

    public override void AdvanceTo(SequencePosition consumed) => _read.Reader.AdvanceTo(consumed);

    public override void AdvanceTo(SequencePosition consumed, SequencePosition examined) => _read.Reader.AdvanceTo(consumed, examined);

    public override void CancelPendingRead() => client.CancelPendingRead();

    public override void Complete(Exception? exception = null)
    {
        _read.Reader.Complete(exception);
        client.Complete(exception);
    }

    private async ValueTask TakeAsync(ReadResult read)
    {
        _frames.Copy(read.Buffer, _read.Writer);
        if (read.IsCompleted) _frames.End(_read.Writer);
        client.AdvanceTo(read.Buffer.End);
        // Without a limit it ends at once.
        await _read.Writer.FlushAsync().ConfigureAwait(false);
        if (read.IsCompleted) await _read.Writer.CompleteAsync().ConfigureAwait(false);
        if (read.IsCanceled) _read.Reader.CancelPendingRead();
    }
}
