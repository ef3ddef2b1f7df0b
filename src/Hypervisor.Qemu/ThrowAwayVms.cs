using VmCacheCluster.Domain;
using VmCacheCluster.Domain.Ports;
using VmCacheCluster.Hypervisor.Qemu.Templates;
using VmCacheCluster.Hypervisor.Qemu.Vm;

namespace VmCacheCluster.Hypervisor.Qemu;

/// <summary>Starts each such VM, has it used, and ends it. What it starts has a deadline of its own, should the daemon be killed.</summary>
public sealed class ThrowAwayVms(QemuHypervisorOptions options, IHostClock clock) : IThrowAwayVms
{
    /// <summary>The daemon, which knows better why, is to be the first to end them, also on a busy host.</summary>
    private static readonly TimeSpan Margin = TimeSpan.FromSeconds(5);

    private readonly VmStarter _starter = new(options, clock);
    private readonly CancellationTokenSource _ending = new();
    private readonly HashSet<Task> _inUse = [];
    private readonly Lock _gate = new();

    /// <inheritdoc/>
    public async Task EndAsync()
    {
        Task[] last;
        lock (_gate) last = [.. _inUse];
        await _ending.CancelAsync().ConfigureAwait(false);
        await Task.WhenAll(last).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    /// <param name="limit">For its start and its use.</param>
    /// <exception cref="VmFailedException">It could not be started or used.</exception>
    /// <exception cref="OperationCanceledException">The daemon is stopping, or as <paramref name="cancel"/> says; the VM is gone.</exception>
    internal Task BootAsync(VmSpec spec, TimeSpan limit, Func<QemuVm, CancellationToken, Task> use, CancellationToken cancel) =>
        UseAsync(life => _starter.BootForAsync(VmId.New(), spec, life.Lifetime, life.Cancel), limit, use, cancel);

    /// <summary>The same, with its guest's memory in a file.</summary>
    internal Task BootInAsync(
        MemoryFile memory, VmSpec spec, TimeSpan limit, Func<QemuVm, CancellationToken, Task> use, CancellationToken cancel) =>
        UseAsync(life => _starter.BootInAsync(VmId.New(), spec, memory, life.Lifetime, life.Cancel), limit, use, cancel);

    /// <summary>The same of a clone, which is paused.</summary>
    internal Task CloneAsync(
        MemoryFile memory, MemoryFile state, VmSpec spec, TimeSpan limit, Func<QemuVm, CancellationToken, Task> use,
        CancellationToken cancel) =>
        UseAsync(life => _starter.CloneForAsync(VmId.New(), spec, memory, state, life.Lifetime, life.Cancel), limit, use, cancel);

    private async Task UseAsync(
        Func<Life, Task<QemuVm>> start, TimeSpan limit, Func<QemuVm, CancellationToken, Task> use, CancellationToken cancel)
    {
        Task using_;
        lock (_gate)
        {
            _ending.Token.ThrowIfCancellationRequested();
            using_ = Task.Run(() => StartAndUseAsync(start, limit, use, cancel), CancellationToken.None);
            _inUse.Add(using_);
        }

        try
        {
            await using_.ConfigureAwait(false);
        }
        catch (VmFailedException) when (_ending.IsCancellationRequested)
        {
            // Whatever its end looked like to its user, it says nothing of the VM.
            _ending.Token.ThrowIfCancellationRequested();
        }
        finally
        {
            lock (_gate) _inUse.Remove(using_);
        }
    }

    private async Task StartAndUseAsync(
        Func<Life, Task<QemuVm>> start, TimeSpan limit, Func<QemuVm, CancellationToken, Task> use, CancellationToken cancel)
    {
        using var within = CancellationTokenSource.CreateLinkedTokenSource(cancel, _ending.Token);
        within.CancelAfter(limit);
        var lifetime = limit + options.QuitDeadline + options.TerminateDeadline + options.KillDeadline + Margin;
        var vm = await start(new Life(lifetime, within.Token)).ConfigureAwait(false);
        await using (vm.ConfigureAwait(false))
        {
            try
            {
                await use(vm, within.Token).ConfigureAwait(false);
            }
            finally
            {
                await vm.StopAsync(CancellationToken.None).ConfigureAwait(false);
            }
        }
    }

    private readonly record struct Life(TimeSpan Lifetime, CancellationToken Cancel);
}
