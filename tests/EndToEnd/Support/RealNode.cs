using VmCacheCluster.Tests.TestSupport;

namespace VmCacheCluster.Tests.EndToEnd.Support;

/// <summary>One daemon with a pool of 4 real VMs, clones of one that boots for all of its specs.</summary>
public sealed class RealNode : IAsyncLifetime
{
    public const int Target = 4;

    internal House House { get; } = new() { Patience = TimeSpan.FromMinutes(5) };

    internal DaemonProcess Daemon { get; private set; } = null!;

    public async Task InitializeAsync()
    {
        Daemon = House.Start(House.RealVms(Target, refill: "clone"));
        await Daemon.ReadyAsync();
    }

    public async Task DisposeAsync() => await House.DisposeAsync();
}
