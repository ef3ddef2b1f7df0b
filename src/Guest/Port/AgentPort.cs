using VmCacheCluster.Guest.Boot;
using VmCacheCluster.Guest.Sys;

namespace VmCacheCluster.Guest.Port;

/// <summary>
/// The virtio-serial port that the host's agent client talks to. It is opened once and stays open; hosts come and go. The
/// driver learns of their coming and going from a work queue, but has their bytes at once: so it is never sure whose
/// bytes these are, and none is thrown away for the reason that a host has left.
/// </summary>
internal sealed class AgentPort
{
    private const string Name = "agent.channel.0";
    private const string Ports = "/sys/class/virtio-ports";
    private const int LooksForOne = 100;
    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(10);

    private readonly int _descriptor;
    private readonly Readiness _readiness;
    private CancellationTokenSource? _stay;

    private AgentPort(int descriptor, Readiness readiness)
    {
        (_descriptor, _readiness) = (descriptor, readiness);
        _readiness.HungUp = () => _ = Interlocked.Exchange(ref _stay, null)?.CancelAsync();
    }

    /// <summary>Cancelled when the host leaves. Made for whoever asks: cancelling wakes a thread, for nobody mostly.</summary>
    public CancellationToken Stay
    {
        get
        {
            var fresh = new CancellationTokenSource();
            return (Interlocked.CompareExchange(ref _stay, fresh, null) ?? fresh).Token;
        }
    }

    /// <summary>Waits until the port exists: the driver creates it from a work queue, some time after its module is loaded.</summary>
    public static AgentPort Open(Reactor reactor)
    {
        string? device;
        for (var tries = 0; (device = Find()) is null; tries++)
        {
            if (tries == 1000) KernelLog.Error($"there is still no virtio-serial port named {Name}; waiting for it");
            Thread.Sleep(tries < 1000 ? 1 : 100);
        }

        return Open(reactor, device);
    }

    /// <returns>Null: there is none, for the host reaches the agent in another way.</returns>
    public static async Task<AgentPort?> FindAsync(Reactor reactor)
    {
        for (var tries = 0; tries < LooksForOne; tries++)
        {
            if (Find() is { } device) return Open(reactor, device);
            await Task.Delay(Look).ConfigureAwait(false);
        }

        return null;
    }

    private static AgentPort Open(Reactor reactor, string device)
    {
        var descriptor = Descriptor.Open(device, Linux.O_RDWR | Linux.O_NONBLOCK);
        return new AgentPort(descriptor, reactor.Watch(descriptor, readsHere: true));
    }

    /// <summary>Waits for bytes, whichever host they come from.</summary>
    public async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellation)
    {
        while (true)
        {
            // 0: no host is there.
            if (Descriptor.Read(_descriptor, buffer.Span) is > 0 and var count) return count;
            await _readiness.ReadableAsync(cancellation).ConfigureAwait(false);
        }
    }

    /// <summary>
    /// Writes a frame. It waits for a host as long as need be: the one that asked may not have been announced yet, and
    /// another ignores what it did not ask for. What is left of a frame that a host has left in the middle is dropped.
    /// </summary>
    public async ValueTask WriteAsync(ReadOnlyMemory<byte> frame, CancellationToken cancellation)
    {
        for (var left = frame; !left.IsEmpty;)
        {
            if (Descriptor.Write(_descriptor, left.Span) is { } count) left = left[count..];
            else if (HostIsConnected()) await _readiness.WritableAsync(cancellation).ConfigureAwait(false);
            else if (left.Length < frame.Length) return;
            else await _readiness.ChangedAsync(cancellation).ConfigureAwait(false);
        }
    }

    private unsafe bool HostIsConnected()
    {
        var query = new PollDescriptor { Descriptor = _descriptor };
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
