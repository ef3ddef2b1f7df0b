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
    /// <exception cref="OperationCanceledException">It was cancelled before anything was wrong; what was wrong is told else.</exception>
    public static async Task<(IAgentChannel Channel, T Answer)> OpenAsync<T>(
        AgentDial dial, Func<AgentClient, TimeSpan, Task<T>> ask, TimeSpan limit, CancellationToken cancel)
    {
        var asked = Stopwatch.StartNew();
        TtrpcException? before = null;
        for (var patience = FirstPatience; ;)
        {
            var left = limit - asked.Elapsed;
            if (left < Pause) left = Pause;
            IAgentChannel? channel = null;
            try
            {
                channel = await dial(cancel).ConfigureAwait(false);
                var answer = await ask(new AgentClient(channel), patience < left ? patience : left).ConfigureAwait(false);
                (var opened, channel) = (channel, null);
                return (opened, answer);
            }
            catch (TtrpcTimeoutException fault) when (patience < left)
            {
                patience *= 2;
                before = fault;
            }
            catch (TtrpcConnectionException fault) when (left > Pause && (channel is not null || MayHold(fault)))
            {
                // Reset or ended by what was still on its way to the last client, or taken up by nobody yet.
                before = fault;
            }
            catch (TtrpcTimeoutException) when (before is not null && left < FirstPatience)
            {
                // The last question had hardly any time: the one before says more.
                throw new TtrpcTimeoutException($"{before.Message}; it was asked for {asked.Elapsed.TotalSeconds:0.#} s");
            }
            catch (OperationCanceledException fault) when (before is not null)
            {
                throw GivenUp(before, asked.Elapsed, fault);
            }
            finally
            {
                if (channel is not null) await channel.DisposeAsync().ConfigureAwait(false);
            }

            // Cancelled meanwhile, the next question ends at once.
            await Task.Delay(Pause, CancellationToken.None).ConfigureAwait(false);
        }
    }

    private static TtrpcConnectionException GivenUp(TtrpcException last, TimeSpan after, Exception cause) =>
        new($"{last.Message}; it was given up after {after.TotalSeconds:0.#} s", cause);

    // Where nobody could be connected to: a socket that is missing or refused stays so; a queue of connections that is full (EAGAIN) does not.
    private static bool MayHold(TtrpcConnectionException fault) =>
        fault.InnerException is not (ArgumentException or SocketException { SocketErrorCode: not SocketError.WouldBlock });
}
