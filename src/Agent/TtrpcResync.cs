namespace VmCacheCluster.Agent;

/// <summary>For channels that do not tell when their peer changes, such as virtio-serial in the guest.</summary>
public static class TtrpcResync
{
    /// <summary>
    /// Discards input until nothing has come for <paramref name="idle"/>: what comes then is the beginning of a frame.
    /// </summary>
    /// <returns>How many bytes were discarded, and whether the stream has ended.</returns>
    public static async Task<(long Discarded, bool Ended)> DrainAsync(Stream stream, TimeSpan idle, CancellationToken cancel)
    {
        var scratch = new byte[4096];
        for (long discarded = 0; ;)
        {
            using var quiet = CancellationTokenSource.CreateLinkedTokenSource(cancel);
            quiet.CancelAfter(idle);
            try
            {
                var read = await stream.ReadAsync(scratch, quiet.Token).ConfigureAwait(false);
                if (read == 0) return (discarded, true);
                discarded += read;
            }
            catch (OperationCanceledException) when (!cancel.IsCancellationRequested)
            {
                return (discarded, false);
            }
        }
    }
}
