namespace VmCacheCluster.Actors.Gateway;

/// <summary>
/// One caller's claim to one VM. It is settled exactly once, by whoever comes first: a VM that is granted, a refusal, or
/// the caller, who leaves. So a VM can be answered to nobody who has left, and the answer takes no detour through the
/// actors that forwarded the claim. Never leaves the process.
/// </summary>
/// <param name="inline">The caller goes on on the thread that answers, which saves it a wake-up; it must not block there.</param>
public sealed class AcquireTicket(bool inline = false)
{
    private readonly TaskCompletionSource<IAcquireAnswer> _answer = new(
        inline ? TaskCreationOptions.None : TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Ends with the answer, or cancelled when the caller has left.</summary>
    public Task<IAcquireAnswer> Answer => _answer.Task;

    public bool Settled => _answer.Task.IsCompleted;

    /// <returns>False: the caller has left.</returns>
    public bool TryAnswer(IAcquireAnswer answer) => _answer.TrySetResult(answer);

    /// <returns>False: it has been answered already.</returns>
    public bool TryAbandon() => _answer.TrySetCanceled();
}
