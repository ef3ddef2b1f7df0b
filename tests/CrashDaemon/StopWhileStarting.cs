using VmCacheCluster.Domain;
using VmCacheCluster.Tests.TestSupport;

namespace VmCacheCluster.Tests.CrashDaemon;

/// <summary>SIGTERM in the middle of the host's start: the node makes its first VM, and the sockets are not served yet.</summary>
internal sealed class StopWhileStarting(NodeOptions options, IHostApplicationLifetime lifetime) : IHostedService
{
    /// <summary>Its name among the steps.</summary>
    public const string Step = "stop:Start";

    public async Task StartAsync(CancellationToken cancellationToken)
    {
        await Eventually.Async(
            () => Processes.Naming(options.RunDirectory + "/").Count > 0, "a VM is being made");
        var stopping = new TaskCompletionSource();
        await using var told = lifetime.ApplicationStopping.Register(stopping.SetResult);
        Processes.Signal(Environment.ProcessId, Processes.Sigterm);
        await stopping.Task.WaitAsync(Eventually.Patience, CancellationToken.None);
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}
