using VmCacheCluster.Contracts.V1;
using VmCacheCluster.Qmp;
using VmCacheCluster.Tests.TestSupport;

namespace VmCacheCluster.Tests.EndToEnd.Support;

/// <summary>What a holder sees of his VM.</summary>
internal static class HandedOut
{
    public static readonly TimeSpan Timeout = TimeSpan.FromSeconds(60);

    /// <summary>What the client's own monitor says: "paused", "running", ...</summary>
    public static async Task<string> StatusOnMonitorAsync(Vm vm)
    {
        await using var monitor = await QmpClient.ConnectUnixAsync(vm.Qmp, null, CancellationToken.None);
        return (await monitor.ExecuteAsync("query-status", null, CancellationToken.None)).GetProperty("status").GetString()!;
    }

    /// <summary>Its process lives, is this VM's, and waits paused.</summary>
    public static async Task AssertAliveAndPausedAsync(Vm vm)
    {
        Assert.True(Processes.IsAlive(vm.Pid), $"VM {vm.Id} was handed out dead");
        Assert.Contains(vm.Id, Processes.CommandLine(vm.Pid), StringComparison.Ordinal);
        Assert.Equal("paused", await StatusOnMonitorAsync(vm));
    }

    /// <summary>Resumes the VM as its holder, over the client's monitor.</summary>
    public static Task ResumeAsync(Vm vm) => ExecuteAsync(vm, "cont");

    /// <summary>The other way round.</summary>
    public static Task PauseAsync(Vm vm) => ExecuteAsync(vm, "stop");

    private static async Task ExecuteAsync(Vm vm, string command)
    {
        await using var monitor = await QmpClient.ConnectUnixAsync(vm.Qmp, null, CancellationToken.None);
        await monitor.ExecuteAsync(command, null, CancellationToken.None);
    }
}
