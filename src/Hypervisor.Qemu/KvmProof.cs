using System.Diagnostics;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using VmCacheCluster.Domain;
using VmCacheCluster.Domain.Ports;
using VmCacheCluster.Hypervisor.Qemu.Processes;
using VmCacheCluster.Hypervisor.Qemu.Records;
using VmCacheCluster.Hypervisor.Qemu.Users;

namespace VmCacheCluster.Hypervisor.Qemu;

/// <summary>Boots a pool's guest once under KVM in a throw-away VM.</summary>
public sealed class KvmProof(QemuHypervisorOptions options, ThrowAwayVms vms, IHostClock clock) : IAcceleratorProof
{
    private const string AtOnce = "`vmcache doctor --retry-kvm` tries at once";

    private readonly VerdictFile _file = new(Path.Combine(options.RunDirectory, "accelerator.json"), clock.Now.BootId);

    /// <inheritdoc/>
    public AcceleratorVerdict? Remembered(VmSpec spec) =>
        _file.Find(Key(spec)) is { } known && (known.Accelerator != Accelerator.Kvm || WhyNoDevice(spec) is null) ? known : null;

    /// <inheritdoc/>
    public void ForgetRefusals() => _file.ForgetRefusals();

    /// <inheritdoc/>
    public async Task<AcceleratorVerdict> ProveAsync(VmSpec spec, ProofLimits limits, CancellationToken cancel)
    {
        if (WhyNoDevice(spec) is { } missing) return NoDevice(missing);
        var key = Key(spec);
        // Another pool may have the same guest.
        if (_file.Find(key) is { } known) return known;
        // Under KVM a pool's VMs get -cpu host unless the pool names a model.
        var (took, failure) = await TryAsync(spec, spec.CpuModel.Length > 0 ? spec.CpuModel : "host", limits, cancel).ConfigureAwait(false);
        if (failure is null)
        {
            var ran = string.Create(CultureInfo.InvariantCulture, $"KVM ran the guest in {took.TotalSeconds:0.0} s");
            return Keep(key, new AcceleratorVerdict(Accelerator.Kvm, ran));
        }

        var outcome = ProofRules.OutcomeOf(failure.Kind, QemuMessages.RefusesKvm(failure));
        if (outcome == ProofOutcome.Settled) return await RefusedAsync(spec, key, failure, limits, cancel).ConfigureAwait(false);
        return new AcceleratorVerdict(Accelerator.Tcg, outcome == ProofOutcome.NotTried
            ? $"KVM could not be tried: {failure}"
            : $"{options.KvmDevice} is there, but KVM did not run the guest: {failure}; it is tried again with longer limits, and {AtOnce}")
        {
            Outcome = outcome, Cause = failure.Kind,
        };
    }

    /// <summary>It may be gone since KVM was proved.</summary>
    private string? WhyNoDevice(VmSpec spec) =>
        !File.Exists(options.KvmDevice) ? $"{options.KvmDevice} is missing: the CPU has no virtualization, or the kernel module kvm is not loaded"
        : Native.Access(options.KvmDevice, Native.R_OK | Native.W_OK) != 0 ? $"{options.KvmDevice} may not be used by the daemon's user: add it to the group kvm"
        // A VM of Kata's shape is root.
        : options.Users is not null && spec.Kata is null && !DeviceAccess.IsOpen(options.KvmDevice)
            ? $"{options.KvmDevice} may be used by root alone, and VMs run as users of their own: chgrp kvm {options.KvmDevice} and chmod 660 {options.KvmDevice}, "
                + "as udev does, or set vm-users = off"
        : null;

    private async Task<AcceleratorVerdict> RefusedAsync(VmSpec spec, string key, VmFailure refusal, ProofLimits limits, CancellationToken cancel)
    {
        var other = spec.CpuModel.Length == 0 && (await TryAsync(spec, "max", limits, cancel).ConfigureAwait(false)).Failure is null
            ? "; it runs it with -cpu max: set cpu-model = max" : "";
        cancel.ThrowIfCancellationRequested();
        return Keep(key, new AcceleratorVerdict(Accelerator.Tcg,
            $"{options.KvmDevice} is there, but KVM refuses the guest: {refusal}{other}; "
            + $"so it is until the host is booted, or QEMU or the guest are others, and {AtOnce}"));
    }

    private AcceleratorVerdict Keep(string key, AcceleratorVerdict verdict)
    {
        _file.Remember(key, verdict);
        return verdict;
    }

    private async Task<(TimeSpan Took, VmFailure? Failure)> TryAsync(VmSpec spec, string model, ProofLimits limits, CancellationToken cancel)
    {
        // More than each of its steps may take, which say better what was wrong.
        var all = options.StartDeadline + options.CommandDeadline + limits.Agent;
        var clockwork = Stopwatch.StartNew();
        try
        {
            await vms.BootAsync(ProofSpec(spec, model), all, new KvmWatch(limits).RunAsync, cancel).ConfigureAwait(false);
            return (clockwork.Elapsed, null);
        }
        catch (VmFailedException fault)
        {
            cancel.ThrowIfCancellationRequested();
            return (clockwork.Elapsed, fault.Failure);
        }
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
            // A link stays as it is when what it leads to is replaced.
            if (file.LinkTarget is not null && file.ResolveLinkTarget(returnFinalTarget: true) is FileInfo target) file = target;
            text.Append(CultureInfo.InvariantCulture, $"{path} {(file.Exists ? file.Length : -1)} {file.LastWriteTimeUtc.Ticks}\n");
        }
        return Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text.ToString())));
    }

    private static AcceleratorVerdict NoDevice(string reason) => new(Accelerator.Tcg, reason) { Outcome = ProofOutcome.NoDevice };
}
