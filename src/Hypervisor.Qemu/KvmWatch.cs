using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;
using VmCacheCluster.Domain;
using VmCacheCluster.Hypervisor.Qemu.Vm;

namespace VmCacheCluster.Hypervisor.Qemu;

/// <summary>
/// Waits until a guest is up under KVM. /dev/kvm may open, create VMs and still run no kernel: then nothing but firmware output ever reaches
/// the serial line.
/// </summary>
internal sealed partial class KvmWatch(ProofLimits limits)
{
    private static readonly TimeSpan LookAgain = TimeSpan.FromMilliseconds(100);

    /// <exception cref="VmFailedException">It is not up within the limits, or never will be.</exception>
    public async Task RunAsync(QemuVm vm, CancellationToken cancel)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        limit.CancelAfter(limits.Agent);
        var agent = vm.WaitForAgentAsync(Named(limits.Agent, "agent-limit"), limit.Token);
        var kernel = KernelSpeaksAsync(vm, cancel);
        var first = await Task.WhenAny(agent, kernel).ConfigureAwait(false);
        if (first == kernel && await SilentAsync(kernel).ConfigureAwait(false))
        {
            await limit.CancelAsync().ConfigureAwait(false);
            // Whatever the agent's wait says now, the silence is the cause.
            await agent.ContinueWith(static ended => _ = ended.Exception, TaskScheduler.Default).ConfigureAwait(false);
            var (within, remedy) = Named(limits.Kernel, "kernel-limit");
            throw new VmFailedException(new VmFailure(VmFailureKind.Boot, $"no kernel message {within}", remedy));
        }
        try
        {
            await agent.ConfigureAwait(false);
        }
        finally
        {
            await SilentAsync(kernel).ConfigureAwait(false);
        }
    }

    private static BootLimit Named(TimeSpan limit, string key) => new(
        string.Create(CultureInfo.InvariantCulture, $"within {limit.TotalSeconds:0.#} s"), $"for a guest that needs longer raise vmcache.kvm-proof.{key}");

    private static async Task<bool> SilentAsync(Task<bool> kernel)
    {
        try
        {
            return !await kernel.ConfigureAwait(false);
        }
        catch (VmFailedException)
        {
            // QEMU is gone: the agent's wait knows why.
            return false;
        }
    }

    private async Task<bool> KernelSpeaksAsync(QemuVm vm, CancellationToken cancel)
    {
        for (var waiting = Stopwatch.StartNew(); waiting.Elapsed < limits.Kernel;)
        {
            if (KernelMessage().IsMatch(await vm.ReadConsoleAsync(cancel).ConfigureAwait(false))) return true;
            await Task.Delay(LookAgain, cancel).ConfigureAwait(false);
        }
        return false;
    }

    [GeneratedRegex(@"\[ *\d+\.\d{6}\]|Linux version ")]
    private static partial Regex KernelMessage();
}
