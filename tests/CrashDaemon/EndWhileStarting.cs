using VmCacheCluster.Domain;
using VmCacheCluster.Tests.TestSupport;

namespace VmCacheCluster.Tests.CrashDaemon;

/// <summary>SIGTERM in the middle of the host's start, or its failure: the node makes its first VM, and the sockets are not served yet.</summary>
internal sealed class EndWhileStarting(string step, NodeOptions options, IHostApplicationLifetime lifetime) : IHostedService
{
    private const string Stop = "stop:Start", Fail = "fail:Start";

    public static bool Is(string step) => step is Stop or Fail;

    public async Task StartAsync(CancellationToken cancellationToken)
    {
        await Eventually.Async(() => Processes.Naming(options.RunDirectory + "/").Count > 0, "a VM is being made");
        if (step == Fail) throw new IOException("the address is in use");
        var stopping = new TaskCompletionSource();
        await using var told = lifetime.ApplicationStopping.Register(stopping.SetResult);
        Processes.Signal(Environment.ProcessId, Processes.Sigterm);
        await stopping.Task.WaitAsync(Eventually.Patience, CancellationToken.None);
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}
