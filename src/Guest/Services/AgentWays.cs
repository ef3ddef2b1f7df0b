using VmCacheCluster.Guest.Boot;
using VmCacheCluster.Guest.Port;
using VmCacheCluster.Guest.Sys;

namespace VmCacheCluster.Guest.Services;

/// <summary>The ways by which hosts reach the agent: a virtio-serial port, vsock, or both.</summary>
internal sealed class AgentWays
{
    private readonly Reactor _reactor;
    private readonly AgentPort? _port;
    private readonly Listener? _listener;

    private AgentWays(Reactor reactor, AgentPort? port, Listener? listener) => (_reactor, _port, _listener) = (reactor, port, listener);

    /// <summary>Waits for the port where there is no other way.</summary>
    public static AgentWays Open(Reactor reactor) =>
        Listen(reactor) is { } listener ? new AgentWays(reactor, null, listener) : new AgentWays(reactor, AgentPort.Open(reactor), null);

    /// <summary>Ends when serving one of them fails, which nobody foresaw.</summary>
    public async Task ServeAsync(AgentServer server)
    {
        List<Task> served = [_port is { } port ? server.ServeAsync(port) : PortToComeAsync(server)];
        if (_listener is { } listener) served.Add(server.ServeAsync(listener));
        await await Task.WhenAny(served).ConfigureAwait(false);
    }

    public override string ToString() => _listener is null ? "" : $" at vsock port {Vsock.AgentPort}";

    /// <summary>The driver may make it while the agent serves over vsock.</summary>
    private async Task PortToComeAsync(AgentServer server)
    {
        if (await AgentPort.FindAsync(_reactor).ConfigureAwait(false) is { } port) await server.ServeAsync(port).ConfigureAwait(false);
        else await Task.Delay(Timeout.Infinite).ConfigureAwait(false);
    }

    private static Listener? Listen(Reactor reactor)
    {
        if (!Vsock.IsThere()) return null;
        try
        {
            return new Listener(reactor, Vsock.Listen(Vsock.AgentPort));
        }
        catch (LinuxException fault)
        {
            KernelLog.Error(fault.Message);
            return null;
        }
    }
}
