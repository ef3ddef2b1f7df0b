using VmCacheCluster.Guest.Boot;
using VmCacheCluster.Guest.Sys;

namespace VmCacheCluster.Guest.Port;

/// <summary>The virtio-serial port that the host's agent client talks to. It is opened once and stays open; hosts come and
/// go.</summary>
internal sealed class AgentPort(int descriptor, Readiness readiness)
{
    private const string Name = "agent.channel.0";
    private const string Ports = "/sys/class/virtio-ports";

    // No new host has sent more than its first request by then.
    private const int MostEarlyBytes = 16 * 1024;
    private static readonly TimeSpan Moment = TimeSpan.FromMilliseconds(10);

    private byte[] _early = [];

    /// <summary>Waits until the port exists: the driver creates it from a work queue, some time after its module is loaded.</summary>
    public static AgentPort Open(Reactor reactor)
    {
        string? device;
        for (var tries = 0; (device = Find()) is null; tries++)
        {
            if (tries == 1000) KernelLog.Error($"there is still no virtio-serial port named {Name}; waiting for it");
            Thread.Sleep(tries < 1000 ? 1 : 100);
        }

        var descriptor = Descriptor.Open(device, Linux.O_RDWR | Linux.O_NONBLOCK);
        return new AgentPort(descriptor, reactor.Watch(descriptor));
    }

    public async Task WaitForHostAsync(bool connected, CancellationToken cancellation)
    {
        while (HostIsConnected() != connected) await readiness.ChangedAsync(cancellation).ConfigureAwait(false);
    }

    /// <summary>To be called when a host has left: throws away what it left unread. The driver learns of hosts from a work
    /// queue, but has the next one's first bytes at once; so if a next one is there a moment later, they are taken for its.</summary>
    public async Task SettleAsync()
    {
        var buffer = new byte[MostEarlyBytes];
        while (!HostIsConnected() && Descriptor.Read(descriptor, buffer) is > 0 and var count) KeepEarly(buffer.AsSpan(0, count));
        using var moment = new CancellationTokenSource(Moment);
        try
        {
            await WaitForHostAsync(connected: true, moment.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            _early = [];
        }
    }

    /// <returns>0 when the host has left.</returns>
    public async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellation)
    {
        while (HostIsConnected())
        {
            if (_early.Length > 0) return TakeEarly(buffer.Span);
            if (Descriptor.Read(descriptor, buffer.Span) is { } count)
            {
                if (HostIsConnected()) return count;
                KeepEarly(buffer.Span[..count]);
                break;
            }

            await readiness.ReadableAsync(cancellation).ConfigureAwait(false);
        }

        return 0;
    }

    /// <exception cref="IOException">The host left before it took everything.</exception>
    public async ValueTask WriteAsync(ReadOnlyMemory<byte> bytes, CancellationToken cancellation)
    {
        while (!bytes.IsEmpty)
        {
            if (!HostIsConnected()) throw new IOException("the host left while it was being answered");
            if (Descriptor.Write(descriptor, bytes.Span) is { } count) bytes = bytes[count..];
            else await readiness.WritableAsync(cancellation).ConfigureAwait(false);
        }
    }

    private void KeepEarly(ReadOnlySpan<byte> bytes) =>
        _early = _early.Length + bytes.Length <= MostEarlyBytes ? [.. _early, .. bytes] : [];

    private int TakeEarly(Span<byte> buffer)
    {
        var count = Math.Min(buffer.Length, _early.Length);
        _early.AsSpan(0, count).CopyTo(buffer);
        _early = _early[count..];
        return count;
    }

    private unsafe bool HostIsConnected()
    {
        var query = new PollDescriptor { Descriptor = descriptor };
        return Libc.poll(&query, 1, 0) >= 0 && (query.Returned & Linux.POLLHUP) == 0;
    }

    private static string? Find()
    {
        if (!Directory.Exists(Ports)) return null;
        foreach (var port in Directory.GetDirectories(Ports))
        {
            var device = "/dev/" + Path.GetFileName(port);
            if (Descriptor.ReadSmallFile(port + "/name") == Name && File.Exists(device)) return device;
        }

        return null;
    }
}
