using System.Diagnostics;
using VmCacheCluster.Domain;
using VmCacheCluster.Tests.TestSupport.Steps;

namespace VmCacheCluster.Tests.CrashDaemon;

/// <summary>Ends the process by SIGKILL, before or after its first step of a name.</summary>
/// <param name="where">"before:" or "after:" and the step.</param>
internal sealed class Failpoint(string where) : IStepObserver
{
    public void Before(VmId vm, string step) => Reach($"before:{step}");

    public void After(VmId vm, string step) => Reach($"after:{step}");

    private void Reach(string point)
    {
        if (point != where) return;
        Process.GetCurrentProcess().Kill();
        // Nothing more is to happen on this thread until the signal arrives.
        new ManualResetEventSlim().Wait();
    }
}
