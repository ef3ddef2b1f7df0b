using Grpc.Core;

namespace VmCacheCluster.Gateway.Services;

/// <summary>
/// What is streamed to a caller. A message that is under way when the call is to end goes through first: one that is cut off resets the call,
/// and its caller does not hear why it ended.
/// </summary>
public sealed class CallOutput<T>(IAsyncStreamWriter<T> to) : IDisposable
{
    /// <summary>A caller that reads nothing holds up the end no longer.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(1);

    private readonly CancellationTokenSource _late = new();

    public async Task WriteAsync(T message, CancellationToken cancel)
    {
        cancel.ThrowIfCancellationRequested();
        await using var ending = cancel.UnsafeRegister(static late => ((CancellationTokenSource)late!).CancelAfter(Patience), _late);
        await to.WriteAsync(message, _late.Token);
    }

    public void Dispose() => _late.Dispose();
}
