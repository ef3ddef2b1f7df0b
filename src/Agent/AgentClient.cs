using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;
using VmCacheCluster.Agent.Guest;
using VmCacheCluster.Agent.Kata;

namespace VmCacheCluster.Agent;

/// <summary>
/// The calls of a guest's agent that a VM cache needs: Kata's, and Prepare and Exec of our own guest. Errors are those of
/// <see cref="IAgentChannel.CallAsync"/>. The client is the caller's.
/// </summary>
public sealed class AgentClient(IAgentChannel client)
{
    /// <summary>A guest's clock that was set by a call that took longer may be as much behind.</summary>
    public static readonly TimeSpan ClockSlack = TimeSpan.FromMilliseconds(40);

    private const int MostClockCalls = 4;

    /// <summary>Whether the agent says that it serves.</summary>
    public async Task<bool> CheckAsync(CancellationToken cancel, TimeSpan? timeout = null)
    {
        var answer = await client.CallAsync(
            AgentServices.Health, "Check", new CheckRequest(), HealthCheckResponse.Parser, cancel, timeout).ConfigureAwait(false);
        return answer.Status == HealthCheckResponse.Types.ServingStatus.Serving;
    }

    /// <summary>What the agent is: its own version and that of its protocol.</summary>
    public Task<VersionCheckResponse> VersionAsync(CancellationToken cancel, TimeSpan? timeout = null) =>
        client.CallAsync(AgentServices.Health, "Version", new CheckRequest(), VersionCheckResponse.Parser, cancel, timeout);

    /// <summary>
    /// Brings hot-plugged vCPUs and memory online. Our guest gives up after 10 s and says how many vCPUs are online; a
    /// shorter <paramref name="timeout"/> does not learn it.
    /// </summary>
    /// <param name="wait">Return only when <paramref name="cpus"/> are online. Our guest and Kata's agents always do.</param>
    /// <param name="cpus">How many vCPUs are to be online in all; older agents of Kata take it for how many more.</param>
    /// <param name="cpuOnly">Leave memory alone.</param>
    public Task OnlineCpuMemAsync(bool wait, uint cpus, bool cpuOnly, CancellationToken cancel, TimeSpan? timeout = null) =>
        AgentAsync("OnlineCPUMem", new OnlineCPUMemRequest { Wait = wait, NbCpus = cpus, CpuOnly = cpuOnly }, cancel, timeout);

    /// <summary>Reseeds the guest's random number generator with entropy of the host.</summary>
    public Task ReseedRandomDevAsync(ReadOnlyMemory<byte> entropy, CancellationToken cancel, TimeSpan? timeout = null) =>
        AgentAsync("ReseedRandomDev", new ReseedRandomDevRequest { Data = UnsafeByteOperations.UnsafeWrap(entropy) }, cancel, timeout);

    /// <summary>Sets the guest's clock, to the microsecond.</summary>
    public Task SetGuestDateTimeAsync(DateTimeOffset time, CancellationToken cancel, TimeSpan? timeout = null)
    {
        var microseconds = time.ToUnixTimeMilliseconds() * 1000 + time.Microsecond;
        var request = new SetGuestDateTimeRequest { Sec = time.ToUnixTimeSeconds(), Usec = microseconds - time.ToUnixTimeSeconds() * 1_000_000 };
        return AgentAsync("SetGuestDateTime", request, cancel, timeout);
    }

    /// <summary>
    /// Sets the guest's clock to the host's. A time that was long on its way is an old one: then it is set again, a few times at most.
    /// </summary>
    /// <param name="timeout">Of all calls together.</param>
    public async Task SetClockAsync(TimeProvider time, CancellationToken cancel, TimeSpan? timeout = null)
    {
        var start = time.GetTimestamp();
        for (var i = 0; i < MostClockCalls; i++)
        {
            var begun = time.GetTimestamp();
            var left = timeout - time.GetElapsedTime(start, begun);
            if (i > 0 && left <= ClockSlack) return;
            try
            {
                await SetGuestDateTimeAsync(time.GetUtcNow(), cancel, left).ConfigureAwait(false);
            }
            catch (TtrpcTimeoutException) when (i > 0)
            {
                // It is set, if late.
                return;
            }

            if (time.GetElapsedTime(begun) <= ClockSlack) return;
        }
    }

    /// <summary>The guest's memory block size and what its agent can do (see <see cref="AgentAbilities"/>).</summary>
    public Task<GuestDetailsResponse> GetGuestDetailsAsync(CancellationToken cancel, TimeSpan? timeout = null) =>
        client.CallAsync(
            AgentServices.Agent,
            "GetGuestDetails",
            new GuestDetailsRequest { MemBlockSize = true, MemHotplugProbe = true },
            GuestDetailsResponse.Parser,
            cancel,
            timeout);

    /// <summary>Makes our own guest its holder's: random numbers, clock, identity, environment and files in one call.</summary>
    /// <returns>What was done, or null when the agent has no such call: nothing was done then.</returns>
    /// <exception cref="TtrpcStatusException">INVALID_ARGUMENT: the message names what is wrong, and nothing was done.</exception>
    public async Task<PrepareResponse?> PrepareAsync(PrepareRequest request, CancellationToken cancel, TimeSpan? timeout = null)
    {
        try
        {
            return await client.CallAsync(AgentServices.Guest, "Prepare", request, PrepareResponse.Parser, cancel, timeout).ConfigureAwait(false);
        }
        catch (TtrpcStatusException fault) when (SaysThatItIsMissing(fault))
        {
            return null;
        }
    }

    /// <summary>
    /// Runs a program in our own guest and returns how it ended. Its output is handed over in order, and not asked for
    /// faster than it is taken. Cancelling ends the program.
    /// </summary>
    /// <param name="stdin">Copied to the program until it ends; null for an empty one.</param>
    public Task<ExecExited> ExecAsync(
        ExecStart start,
        Stream? stdin,
        Func<ReadOnlyMemory<byte>, ValueTask> stdout,
        Func<ReadOnlyMemory<byte>, ValueTask> stderr,
        CancellationToken cancel) => new ExecCall(
            client as TtrpcClient ?? throw new TtrpcStatusException(TtrpcStatusCode.Unimplemented, "agents of Kata 1.x run no programs for a cache"), stdout, stderr).RunAsync(start, stdin, cancel);

    // Kata's agents answer a service that they do not have with INVALID_ARGUMENT, and name it.
    private static bool SaysThatItIsMissing(TtrpcStatusException fault) => fault.Code switch
    {
        TtrpcStatusCode.Unimplemented or TtrpcStatusCode.NotFound => true,
        TtrpcStatusCode.InvalidArgument => fault.Message.TrimStart('/').StartsWith(AgentServices.Guest, StringComparison.Ordinal)
            && fault.Message.EndsWith("does not exist", StringComparison.Ordinal),
        _ => false,
    };

    private Task AgentAsync<T>(string method, T request, CancellationToken cancel, TimeSpan? timeout) where T : class, IMessage<T> =>
        client.CallAsync(AgentServices.Agent, method, request, Empty.Parser, cancel, timeout);
}
