namespace VmCacheCluster.Agent;

/// <summary>Waits for one answer.</summary>
internal sealed class TtrpcUnaryCall : TtrpcCall
{
    private readonly TaskCompletionSource<ReadOnlyMemory<byte>> _answer = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public Task<ReadOnlyMemory<byte>> Answer => _answer.Task;

    public override bool Ended => _answer.Task.IsCompleted;

    public override ValueTask OnFrameAsync(TtrpcFrame frame, CancellationToken cancel)
    {
        if (frame.Type != TtrpcFrameType.Response)
        {
            Fail(new TtrpcStatusException(TtrpcStatusCode.Internal, "the server answered a single request with a stream"));
            return ValueTask.CompletedTask;
        }
        var (payload, failure) = TtrpcMessages.Open(frame);
        if (failure is null) _answer.TrySetResult(payload);
        else Fail(failure);
        return ValueTask.CompletedTask;
    }

    public override void Fail(Exception failure) => _answer.TrySetException(failure);
}
