using System.Security.Cryptography;
using VmCacheCluster.Agent;
using VmCacheCluster.Qmp;

namespace VmCacheCluster.Client;

/// <summary>
/// What a holder does with a base VM before he uses it, as Kata's <c>GetVM</c> does: resume, reseed, set the clock.
/// </summary>
public static class VmResume
{
    /// <summary>What Kata's client gives a guest.</summary>
    private const int EntropyBytes = 512;

    /// <summary>Returns when the agent of the resumed VM has answered. Harmless for a VM that runs already.</summary>
    /// <param name="qmp">The client's monitor, held no longer than this call.</param>
    /// <param name="agent">The agent's Unix socket, held no longer than this call.</param>
    /// <param name="limit">For all of it.</param>
    /// <exception cref="VmCacheException">The monitor or the agent refused, or did not answer in time.</exception>
    public static async Task<ResumeTimes> RunAsync(
        string qmp, string agent, TimeSpan limit, TimeProvider time, CancellationToken cancel = default)
    {
        try
        {
            return await StepsAsync(qmp, agent, limit, time, cancel).ConfigureAwait(false);
        }
        catch (Exception fault) when (VmFaults.Known(fault))
        {
            throw VmFaults.Of(fault);
        }
    }

    private static async Task<ResumeTimes> StepsAsync(
        string qmp, string agent, TimeSpan limit, TimeProvider time, CancellationToken cancel)
    {
        var start = time.GetTimestamp();
        TimeSpan Elapsed() => time.GetElapsedTime(start);
        TimeSpan Left() => TimeSpan.FromMilliseconds(Math.Max(1, (limit - Elapsed()).TotalMilliseconds));

        await using (var monitor = await QmpClient.ConnectUnixAsync(qmp, null, cancel).ConfigureAwait(false))
        {
            await monitor.ExecuteAsync("cont", null, cancel, Left()).ConfigureAwait(false);
        }

        var cont = Elapsed();
        await using var channel = await AgentChannel.OpenAsync(agent, Left(), cancel).ConfigureAwait(false);
        var guest = new AgentClient(channel);
        await guest.ReseedRandomDevAsync(RandomNumberGenerator.GetBytes(EntropyBytes), cancel, Left()).ConfigureAwait(false);
        var reseed = Elapsed();
        await guest.SetClockAsync(time, cancel, Left()).ConfigureAwait(false);
        var clock = Elapsed();
        return new ResumeTimes(cont, reseed - cont, clock - reseed, clock);
    }
}
