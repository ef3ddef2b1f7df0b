namespace VmCacheCluster.Tests.TestSupport;

/// <summary>Waits for a condition that nothing announces, by asking again and again.</summary>
public static class Eventually
{
    /// <summary>Long enough for a busy machine; a test that passes never waits so long.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private static readonly TimeSpan Shortest = TimeSpan.FromMilliseconds(15), Longest = TimeSpan.FromMilliseconds(50);

    /// <summary>Returns when the condition holds.</summary>
    /// <param name="what">What is waited for, for the failure's message.</param>
    /// <param name="found">What there is instead, asked for when the deadline has passed.</param>
    /// <exception cref="TimeoutException">It does not hold by the deadline.</exception>
    public static async Task Async(Func<Task<bool>> condition, string what, Func<string>? found = null, TimeSpan? deadline = null)
    {
        using var limit = new CancellationTokenSource(deadline ?? Patience);
        using var tick = new PeriodicTimer(Shortest);
        while (!await condition())
        {
            try
            {
                await tick.WaitForNextTickAsync(limit.Token);
                // Each question costs processor time that the answer may wait for.
                if (tick.Period < Longest) tick.Period *= 1.2;
            }
            catch (OperationCanceledException)
            {
                throw new TimeoutException($"not within {(deadline ?? Patience).TotalSeconds:0.#} s: {what}{(found is null ? "" : $"\nfound: {found()}")}");
            }
        }
    }

    public static Task Async(Func<bool> condition, string what, Func<string>? found = null, TimeSpan? deadline = null) =>
        Async(() => Task.FromResult(condition()), what, found, deadline);
}
