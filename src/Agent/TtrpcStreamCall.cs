namespace VmCacheCluster.Agent;

/// <summary>Collects a stream's messages until the server ends it: by a closing data frame, or by a response.</summary>
internal sealed class TtrpcStreamCall(int byteLimit, string name) : TtrpcCall
{
    public TtrpcInbox Inbox { get; } = new(byteLimit);

    private volatile bool _ended;

    public override bool Ended => _ended;

    public override async ValueTask OnFrameAsync(TtrpcFrame frame, CancellationToken cancel)
    {
        if (frame.Type == TtrpcFrameType.Response)
        {
            var (payload, failure) = TtrpcMessages.Open(frame);
            // Some servers give the last message in the response.
            if (failure is null && payload.Length > 0) await Inbox.PutAsync(payload, cancel).ConfigureAwait(false);
            Finish(failure);
            return;
        }
        if (!frame.Has(TtrpcFrameFlags.NoData)) await Inbox.PutAsync(frame.Payload, cancel).ConfigureAwait(false);
        if (frame.Has(TtrpcFrameFlags.RemoteClosed)) Finish(null);
    }

    public override void Fail(Exception failure) =>
        Finish(failure is TtrpcConnectionException e ? new TtrpcConnectionException($"{name}: {e.Message}", e) : failure);

    private void Finish(Exception? failure)
    {
        _ended = true;
        Inbox.End(failure);
    }
}
