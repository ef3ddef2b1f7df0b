using System.Diagnostics;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.RegularExpressions;
using VmCacheCluster.Domain;
using VmCacheCluster.Domain.Ports;
using VmCacheCluster.Hypervisor.Qemu.Processes;
using VmCacheCluster.Hypervisor.Qemu.Records;
using VmCacheCluster.Hypervisor.Qemu.Vm;

namespace VmCacheCluster.Hypervisor.Qemu;

/// <summary>
/// Boots a pool's guest once under KVM in a throw-away VM. /dev/kvm may open, create VMs and still run no kernel: then
/// nothing but firmware output ever reaches the serial line.
/// </summary>
public sealed partial class KvmProof(QemuHypervisorOptions options, ThrowAwayVms vms, IHostClock clock) : IAcceleratorProof
{
    private const string Device = "/dev/kvm";
    private const int ReadWrite = 6;
    private static readonly TimeSpan LookAgain = TimeSpan.FromMilliseconds(100);

    private readonly VerdictFile _file = new(Path.Combine(options.RunDirectory, "accelerator.json"), clock.Now.BootId);

    /// <summary>More than each of its steps may take, which say better what was wrong.</summary>
    private TimeSpan Limit => options.StartDeadline + options.CommandDeadline + options.ProofAgentDeadline;

    /// <inheritdoc/>
    public AcceleratorVerdict? Remembered(VmSpec spec) => _file.Find(Key(spec));

    /// <inheritdoc/>
    public async Task<AcceleratorVerdict> ProveAsync(VmSpec spec, CancellationToken cancel)
    {
        if (!File.Exists(Device))
            return NotTried($"{Device} is missing: the CPU has no virtualization, or the kernel module kvm is not loaded");
        if (Native.Access(Device, ReadWrite) != 0)
            return NotTried($"{Device} may not be used by the daemon's user: add it to the group kvm");
        var key = Key(spec);
        var reasons = new List<string>();
        foreach (var model in spec.CpuModel.Length > 0 ? [spec.CpuModel] : new[] { "host", "max" })
        {
            var (took, failure) = await TryAsync(ProofSpec(spec, model), cancel).ConfigureAwait(false);
            if (failure is null)
            {
                // A pool's VMs get -cpu host under KVM unless the pool names a model.
                if (model == "max") return Tcg($"KVM ran the guest with -cpu max but not with -cpu host: {reasons[0]}; set cpu-model = max");
                var verdict = new AcceleratorVerdict(Accelerator.Kvm, string.Create(CultureInfo.InvariantCulture, $"KVM ran the guest in {took.TotalSeconds:0.0} s"));
                _file.Remember(key, verdict);
                return verdict;
            }
            reasons.Add(failure.Message.ReplaceLineEndings(" | "));
            // What is missing on the host or in the configuration says nothing about KVM, and may be there tomorrow.
            if (failure.Kind is VmFailureKind.Configuration or VmFailureKind.Host or VmFailureKind.Cancelled)
                return NotTried("KVM could not be tried: " + failure);
        }
        var refusal = Tcg($"{Device} is there, but KVM did not run the guest: {string.Join("; ", reasons.Distinct())}");
        _file.Remember(key, refusal);
        return refusal;
    }

    private async Task<(TimeSpan Took, VmFailure? Failure)> TryAsync(VmSpec spec, CancellationToken cancel)
    {
        var clockwork = Stopwatch.StartNew();
        try
        {
            await vms.BootAsync(spec, Limit, WatchAsync, cancel).ConfigureAwait(false);
            return (clockwork.Elapsed, null);
        }
        catch (VmFailedException fault)
        {
            cancel.ThrowIfCancellationRequested();
            return (clockwork.Elapsed, fault.Failure);
        }
    }

    private async Task WatchAsync(QemuVm vm, CancellationToken cancel)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        limit.CancelAfter(options.ProofAgentDeadline);
        var agent = vm.WaitForAgentAsync(limit.Token);
        var kernel = KernelSpeaksAsync(vm, cancel);
        var first = await Task.WhenAny(agent, kernel).ConfigureAwait(false);
        if (first == kernel && await SilentAsync(kernel).ConfigureAwait(false))
        {
            await limit.CancelAsync().ConfigureAwait(false);
            // Whatever the agent's wait says now, the silence is the cause.
            await agent.ContinueWith(static ended => _ = ended.Exception, TaskScheduler.Default).ConfigureAwait(false);
            throw new VmFailedException(new VmFailure(VmFailureKind.Boot, string.Create(CultureInfo.InvariantCulture,
                $"no kernel message within {options.ProofKernelDeadline.TotalSeconds:0.#} s")));
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
        for (var waiting = Stopwatch.StartNew(); waiting.Elapsed < options.ProofKernelDeadline;)
        {
            if (KernelMessage().IsMatch(await vm.ReadConsoleAsync(cancel).ConfigureAwait(false))) return true;
            await Task.Delay(LookAgain, cancel).ConfigureAwait(false);
        }
        return false;
    }

    /// <summary>The pool's own guest, made to speak on the serial line from its first message on.</summary>
    private static VmSpec ProofSpec(VmSpec spec, string model) => spec with
    {
        Accelerator = Accelerator.Kvm,
        CpuModel = model,
        KernelParameters = "earlyprintk=ttyS0 console=ttyS0 "
            + string.Join(' ', spec.KernelParameters.Split(' ', StringSplitOptions.RemoveEmptyEntries).Where(word => word != "quiet")),
    };

    private static string Key(VmSpec spec)
    {
        var text = new StringBuilder().Append(spec.Machine).Append('\n').Append(spec.CpuModel).Append('\n').Append(spec.KernelParameters).Append('\n');
        foreach (var path in new[] { spec.Qemu, spec.Kernel, spec.Initrd, spec.Image })
        {
            if (path is null) continue;
            var file = new FileInfo(path);
            text.Append(CultureInfo.InvariantCulture, $"{path} {(file.Exists ? file.Length : -1)} {file.LastWriteTimeUtc.Ticks}\n");
        }
        return Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text.ToString())));
    }

    private static AcceleratorVerdict Tcg(string reason) => new(Accelerator.Tcg, reason);

    private static AcceleratorVerdict NotTried(string reason) => Tcg(reason) with { Settled = false };

    [GeneratedRegex(@"\[ *\d+\.\d{6}\]|Linux version ")]
    private static partial Regex KernelMessage();
}
