using VmCacheCluster.Tests.TestSupport;

namespace VmCacheCluster.Tests.EndToEnd.Support;

/// <summary>A daemon with a pool of 2 real VMs of one vCPU and 256 MiB.</summary>
public sealed class RealLeases : IAsyncLifetime
{
    private static readonly string Settings = House.RealVms(2, mebibytes: 256);

    internal House House { get; } = new() { Patience = TimeSpan.FromMinutes(5) };

    internal DaemonProcess Daemon { get; private set; } = null!;

    public async Task InitializeAsync()
    {
        Daemon = House.Start(Settings);
        await Daemon.ReadyAsync();
    }

    public async Task DisposeAsync() => await House.DisposeAsync();

    /// <summary>kill -9, and another one over its directories.</summary>
    internal async Task ReplaceDaemonAsync()
    {
        await Daemon.KillAsync();
        Daemon = House.Start(Settings);
    }
}
