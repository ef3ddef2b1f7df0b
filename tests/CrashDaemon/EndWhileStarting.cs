using VmCacheCluster.Domain;
using VmCacheCluster.Tests.TestSupport;
using VmCacheCluster.Tests.TestSupport.Steps;

namespace VmCacheCluster.Tests.CrashDaemon;

/// <summary>SIGTERM in the middle of the host's start, or its failure: the node's first VM boots, and the sockets are not served yet.</summary>
internal sealed class EndWhileStarting(string step, EndWhileStarting.FirstVm vm, IHostApplicationLifetime lifetime) : IHostedService
{
    private const string Stop = "stop:Start", Fail = "fail:Start";

    public static bool Is(string step) => step is Stop or Fail;

    public async Task StartAsync(CancellationToken cancellationToken)
    {
        await vm.Boots.WaitAsync(Eventually.Patience, CancellationToken.None);
        if (step == Fail) throw new IOException("the address is in use");
        var stopping = new TaskCompletionSource();
        await using var told = lifetime.ApplicationStopping.Register(stopping.SetResult);
        Processes.Signal(Environment.ProcessId, Processes.Sigterm);
        await stopping.Task.WaitAsync(Eventually.Patience, CancellationToken.None);
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <summary>Tells when the agent of the first VM is waited for.</summary>
    internal sealed class FirstVm : IStepObserver
    {
        private readonly TaskCompletionSource _boots = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public Task Boots => _boots.Task;

        public void Before(VmId vm, string step)
        {
            if (step == "Agent") _boots.TrySetResult();
        }

        public void After(VmId vm, string step)
        {
        }
    }
}
