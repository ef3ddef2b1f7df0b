using VmCacheCluster.Agent;

namespace VmCacheCluster.Client;

/// <summary>A connection to a guest's agent that has shown that it answers.</summary>
internal static class AgentChannel
{
    /// <exception cref="TtrpcException">No answer within <paramref name="limit"/>, or the agent says that it does not serve.</exception>
    public static async Task<IAgentChannel> OpenAsync(string agent, TimeSpan limit, CancellationToken cancel)
    {
        var (channel, serves) = await AgentConnection
            .OpenAsync(async token => await TtrpcClient.ConnectAsync(agent, null, token).ConfigureAwait(false), (guest, timeout) => guest.CheckAsync(cancel, timeout), limit, cancel).ConfigureAwait(false);
        if (serves) return channel;
        await channel.DisposeAsync().ConfigureAwait(false);
        throw new TtrpcStatusException(TtrpcStatusCode.Unavailable, "it answers, but says that it does not serve");
    }
}
