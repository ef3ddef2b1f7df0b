using System.Diagnostics;
using VmCacheCluster.Agent;

namespace VmCacheCluster.Client;

/// <summary>A connection to a guest's agent that has shown that it answers.</summary>
internal static class AgentChannel
{
    private static readonly TimeSpan FirstPatience = TimeSpan.FromSeconds(1);

    /// <summary>
    /// Connects and asks, again on a new connection when no answer comes: a guest that is only just noticing that the
    /// channel's last client has left can take the next one's first request for the rest of a half frame.
    /// </summary>
    /// <exception cref="TtrpcException">No answer within <paramref name="limit"/>, or the agent says that it does not serve.</exception>
    public static async Task<TtrpcClient> OpenAsync(string agent, TimeSpan limit, CancellationToken cancel)
    {
        var asked = Stopwatch.StartNew();
        for (var patience = FirstPatience; ; patience *= 2)
        {
            var left = limit - asked.Elapsed;
            var channel = await TtrpcClient.ConnectUnixAsync(agent, null, cancel).ConfigureAwait(false);
            try
            {
                return await new AgentClient(channel).CheckAsync(cancel, patience < left ? patience : left).ConfigureAwait(false)
                    ? channel
                    : throw new TtrpcStatusException(TtrpcStatusCode.Unavailable, "it answers, but says that it does not serve");
            }
            catch (TtrpcTimeoutException) when (patience < left)
            {
                await channel.DisposeAsync().ConfigureAwait(false);
            }
            catch
            {
                await channel.DisposeAsync().ConfigureAwait(false);
                throw;
            }
        }
    }
}
