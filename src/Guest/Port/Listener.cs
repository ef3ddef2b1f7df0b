using System.Runtime.InteropServices;
using VmCacheCluster.Agent;
using VmCacheCluster.Guest.Boot;
using VmCacheCluster.Guest.Sys;

namespace VmCacheCluster.Guest.Port;

/// <summary>Serves the agent to any number of hosts at once, a connection each. What runs for a host ends with its connection.</summary>
/// <param name="descriptor">A socket that listens and does not block; it stays open for good.</param>
internal sealed class Listener(Reactor reactor, int descriptor)
{
    private static readonly TimeSpan Rest = TimeSpan.FromMilliseconds(100);

    private readonly Readiness _readiness = reactor.Watch(descriptor, readsHere: true);

    /// <exception cref="LinuxException">The kernel takes the socket for none that listens.</exception>
    public async Task RunAsync(TtrpcServer server)
    {
        while (true)
        {
            // Where no connection waits, accept4 of a vsock socket sleeps until the guest's clock ticks (before Linux 6.16), and all that the
            // reactor's thread serves with it.
            if (!IsWaiting()) await _readiness.ReadableAsync(CancellationToken.None).ConfigureAwait(false);
            else if (Accept(out var isShort) is { } connection) _ = ServeAsync(server, connection);
            else if (isShort) await Task.Delay(Rest).ConfigureAwait(false);
        }
    }

    private unsafe bool IsWaiting()
    {
        var poll = new PollDescriptor { Descriptor = descriptor, Events = Linux.POLLIN };
        return Libc.poll(&poll, 1, 0) > 0;
    }

    private async Task ServeAsync(TtrpcServer server, int connection)
    {
        try
        {
            using var stream = new SocketStream(reactor, connection);
            var end = await server.ServeAsync(stream, stream.Left).ConfigureAwait(false);
            if (end.Kind == TtrpcEndKind.Malformed) KernelLog.Info($"a host sent no ttRPC: {end.Detail}");
        }
        catch (Exception left) when (left is OperationCanceledException or LinuxException)
        {
            // The host has left, which is how every connection ends.
        }
    }

    /// <param name="isShort">The guest is short of descriptors or memory.</param>
    /// <returns>Null: it was taken back, or the guest is short.</returns>
    private unsafe int? Accept(out bool isShort)
    {
        isShort = false;
        var connection = Libc.accept4(descriptor, null, null, Linux.SOCK_NONBLOCK | Linux.SOCK_CLOEXEC);
        if (connection >= 0) return connection;
        var errno = Marshal.GetLastPInvokeError();
        isShort = errno is Linux.EMFILE or Linux.ENFILE or Linux.ENOMEM or Linux.ENOBUFS;
        // The others: that one connection was reset before it was taken.
        if (!isShort && errno is not (Linux.EAGAIN or Linux.EINTR or Linux.ECONNABORTED or Linux.ECONNRESET)) throw new LinuxException("cannot accept", errno);
        return null;
    }
}
