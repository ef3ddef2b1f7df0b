using System.Diagnostics;
using System.Net.Sockets;

namespace VmCacheCluster.Agent;

/// <summary>Connects to an agent, in its protocol.</summary>
/// <exception cref="TtrpcConnectionException">Nobody listens there.</exception>
public delegate Task<IAgentChannel> AgentDial(CancellationToken cancel);

/// <summary>Opens a guest agent's channel, of which it is only known that somebody listens there.</summary>
public static class AgentConnection
{
    private static readonly TimeSpan FirstPatience = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(20);

    /// <summary>
    /// Connects and asks, and asks again on a new connection when the answer is overdue or the connection ends, each time
    /// with twice the patience: a request is lost on an agent that still takes it for the rest of a frame which the
    /// channel's last client did not finish, and on one that was just started.
    /// </summary>
    /// <param name="dial">Connects, in the agent's protocol.</param>
    /// <param name="ask">The question, to be answered within the time given to it.</param>
    /// <param name="limit">How long to go on asking; the last question may take what is left of it.</param>
    /// <returns>The connection, which is the caller's, and its answer.</returns>
    /// <exception cref="TtrpcConnectionException">Nobody listens there, or connections keep ending.</exception>
    /// <exception cref="TtrpcTimeoutException">No answer within <paramref name="limit"/>.</exception>
    /// <exception cref="TtrpcStatusException">The agent answered with an error.</exception>
    public static async Task<(IAgentChannel Channel, T Answer)> OpenAsync<T>(
        AgentDial dial, Func<AgentClient, TimeSpan, Task<T>> ask, TimeSpan limit, CancellationToken cancel)
    {
        var asked = Stopwatch.StartNew();
        for (var patience = FirstPatience; ;)
        {
            var left = limit - asked.Elapsed;
            if (left < Pause) left = Pause;
            try
            {
                return await AskAsync(dial, ask, patience < left ? patience : left, cancel).ConfigureAwait(false);
            }
            catch (TtrpcTimeoutException) when (patience < left)
            {
                patience *= 2;
            }
            catch (TtrpcConnectionException fault) when (left > Pause && MayHold(fault))
            {
                // Ended by garbage that was still on its way to the last client, or taken up by nobody yet.
            }
            await Task.Delay(Pause, cancel).ConfigureAwait(false);
        }
    }

    private static async Task<(IAgentChannel, T)> AskAsync<T>(
        AgentDial dial, Func<AgentClient, TimeSpan, Task<T>> ask, TimeSpan timeout, CancellationToken cancel)
    {
        var channel = await dial(cancel).ConfigureAwait(false);
        try
        {
            return (channel, await ask(new AgentClient(channel), timeout).ConfigureAwait(false));
        }
        catch
        {
            await channel.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    // A socket that is missing or refused stays so; a queue of connections that is full (EAGAIN) does not.
    private static bool MayHold(TtrpcConnectionException fault) =>
        fault.InnerException is not (ArgumentException or SocketException { SocketErrorCode: not SocketError.WouldBlock });
}
