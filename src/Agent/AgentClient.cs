using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;
using VmCacheCluster.Agent.Guest;
using VmCacheCluster.Agent.Kata;

namespace VmCacheCluster.Agent;

/// <summary>
/// The calls of a guest's agent that a VM cache needs: Kata's (2.x to 4.x), and Exec of our own guest. Errors are those of
/// <see cref="TtrpcClient.CallAsync"/>. The client is the caller's.
/// </summary>
public sealed class AgentClient(TtrpcClient client)
{
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

    /// <summary>Brings hot-plugged vCPUs and memory online.</summary>
    /// <param name="wait">Return only when <paramref name="cpus"/> are online.</param>
    /// <param name="cpus">How many vCPUs to bring online.</param>
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

    /// <summary>The guest's memory block size and what its agent can do.</summary>
    public Task<GuestDetailsResponse> GetGuestDetailsAsync(CancellationToken cancel, TimeSpan? timeout = null) =>
        client.CallAsync(
            AgentServices.Agent,
            "GetGuestDetails",
            new GuestDetailsRequest { MemBlockSize = true, MemHotplugProbe = true },
            GuestDetailsResponse.Parser,
            cancel,
            timeout);

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
        CancellationToken cancel) => new ExecCall(client, stdout, stderr).RunAsync(start, stdin, cancel);

    private Task AgentAsync<T>(string method, T request, CancellationToken cancel, TimeSpan? timeout) where T : IMessage<T> =>
        client.CallAsync(AgentServices.Agent, method, request, Empty.Parser, cancel, timeout);
}
