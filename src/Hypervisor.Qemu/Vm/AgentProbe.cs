using VmCacheCluster.Agent;
using VmCacheCluster.Domain;
using VmCacheCluster.Domain.Ports;

namespace VmCacheCluster.Hypervisor.Qemu.Vm;

/// <summary>Questions to a guest's agent; the channel is let go after each, since it takes one client.</summary>
internal static class AgentProbe
{
    private static readonly TimeSpan FirstPause = TimeSpan.FromMilliseconds(20);
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan VersionPatience = TimeSpan.FromSeconds(1);

    /// <summary>
    /// Asks until the agent says that it serves. QEMU holds the request until the guest opens the port, so one request is
    /// the whole wait; it is only asked again when the connection ends or an answer is overdue.
    /// </summary>
    /// <param name="overdue">When to ask again on a new connection: an agent that started between may have lost the request.</param>
    /// <param name="onTrouble">Told why an attempt failed.</param>
    /// <returns>What it says of itself; null when it did not say that on the connection on which it said that it serves.</returns>
    public static async Task<AgentIdentity?> WaitAsync(VmFacts vm, TimeSpan overdue, Action<string> onTrouble, CancellationToken cancel)
    {
        for (var pause = FirstPause; ; pause = pause * 2 < LongestPause ? pause * 2 : LongestPause)
        {
            try
            {
                await using var channel = await AgentDials.Of(vm, overdue)(cancel).ConfigureAwait(false);
                var agent = new AgentClient(channel);
                if (await agent.CheckAsync(cancel, overdue).ConfigureAwait(false)) return await SaysAsync(agent, cancel).ConfigureAwait(false);
                onTrouble("the agent says that it does not serve");
            }
            catch (Exception fault) when (fault is TtrpcException or IOException or System.Net.Sockets.SocketException)
            {
                onTrouble(fault.Message);
            }
            await Task.Delay(pause, cancel).ConfigureAwait(false);
        }
    }

    private static async Task<AgentIdentity?> SaysAsync(AgentClient agent, CancellationToken cancel)
    {
        try
        {
            var version = await agent.VersionAsync(cancel, VersionPatience).ConfigureAwait(false);
            return version.AgentVersion.Length > 0 ? new AgentIdentity(version.AgentVersion, version.GrpcVersion) : null;
        }
        catch (TtrpcException)
        {
            return null;
        }
    }

    /// <summary>Asks for its version, again while it is silent.</summary>
    /// <exception cref="VmFailedException">It does not answer, or not as an agent does.</exception>
    public static async Task<AgentIdentity> IdentifyAsync(VmFacts vm, TimeSpan deadline, CancellationToken cancel)
    {
        try
        {
            var (channel, version) = await AgentConnection
                .OpenAsync(AgentDials.Of(vm), (agent, timeout) => agent.VersionAsync(cancel, timeout), deadline, cancel).ConfigureAwait(false);
            await channel.DisposeAsync().ConfigureAwait(false);
            return version.AgentVersion.Length > 0
                ? new AgentIdentity(version.AgentVersion, version.GrpcVersion)
                : throw Failed("it does not say its version", null);
        }
        catch (Exception fault) when (fault is TtrpcException or IOException or System.Net.Sockets.SocketException)
        {
            throw Failed(fault.Message, fault);
        }
    }

    /// <summary>Whether the agent answers in another protocol than its pool is configured for; what to do, then.</summary>
    public static async Task<string?> WrongGenerationAsync(VmFacts vm, TimeSpan patience)
    {
        var other = vm.Spec.Agent == AgentProtocol.Ttrpc ? AgentProtocol.Yamux : AgentProtocol.Ttrpc;
        using var limit = new CancellationTokenSource(patience);
        try
        {
            await using var channel = await AgentDials.Of(other, vm.Paths.Agent, patience)(limit.Token).ConfigureAwait(false);
            await new AgentClient(channel).CheckAsync(limit.Token, patience).ConfigureAwait(false);
            return other == AgentProtocol.Yamux
                ? "the guest's agent is of Kata 1.x (gRPC through yamux), and one of Kata 2.x or later (ttRPC) is configured: set agent-protocol = yamux, or kata-version = 1.13"
                : "the guest's agent is of Kata 2.x or later (ttRPC), and one of Kata 1.x (gRPC through yamux) is configured: set agent-protocol = ttrpc, or another kata-version";
        }
        catch (Exception fault) when (fault is TtrpcException or IOException or System.Net.Sockets.SocketException or OperationCanceledException)
        {
            return null;
        }
    }

    internal static VmFailedException Failed(string why, Exception? inner) => new(new VmFailure(
        VmFailureKind.Agent, $"the guest's agent did not answer as it must: {why}",
        "check that the guest's agent is one of Kata, or our own, and that agent-protocol is its own"), inner);
}
