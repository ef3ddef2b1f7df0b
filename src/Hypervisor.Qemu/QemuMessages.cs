using System.Text.RegularExpressions;
using VmCacheCluster.Domain;

namespace VmCacheCluster.Hypervisor.Qemu;

/// <summary>QEMU's own words, mapped to whom they concern and what to do.</summary>
internal static partial class QemuMessages
{
    private static readonly (string[] Parts, VmFailureKind Kind, string Remedy)[] Known =
    [
        (["Cannot allocate memory"], VmFailureKind.Host, "the host has too little free memory: fewer VMs, or smaller ones"),
        (["cannot set up guest memory"], VmFailureKind.Host, "the host has too little free memory: fewer VMs, or smaller ones"),
        (["No space left on device"], VmFailureKind.Host, "free space on the file system of the run directory"),
        (["Could not access KVM kernel module: Permission denied"], VmFailureKind.Host, "add the daemon's user to the group kvm, or set accelerator = tcg"),
        (["Could not access KVM kernel module"], VmFailureKind.Host, "load the kernel module kvm_intel or kvm_amd, or set accelerator = tcg"),
        (["failed to initialize kvm"], VmFailureKind.Host, "see whether another hypervisor holds the CPU, or set accelerator = tcg"),
        (["failed to set MSR"], VmFailureKind.Start, "this host's KVM cannot run this CPU model: set accelerator = tcg"),
        (["could not open kernel file"], VmFailureKind.Configuration, "set the pool's kernel to a file that exists and can be read"),
        (["could not load kernel"], VmFailureKind.Configuration, "set the pool's kernel to a bootable x86-64 kernel (bzImage)"),
        (["invalid kernel header"], VmFailureKind.Configuration, "set the pool's kernel to a bootable x86-64 kernel (bzImage)"),
        (["kernel too old"], VmFailureKind.Configuration, "set the pool's kernel to a bootable x86-64 kernel (bzImage)"),
        (["Error loading uncompressed kernel"], VmFailureKind.Configuration, "set the pool's kernel to a bootable x86-64 kernel (bzImage)"),
        (["could not load initrd"], VmFailureKind.Configuration, "set the pool's initrd to a file that exists and can be read"),
        (["initrd is too large"], VmFailureKind.Configuration, "give the VM more memory, or use a smaller initrd"),
        (["unable to find CPU model"], VmFailureKind.Configuration, "choose a CPU model that this QEMU knows: -cpu help lists them"),
        (["unsupported machine type"], VmFailureKind.Configuration, "use q35 or pc, and a QEMU for x86-64"),
        (["maxmem"], VmFailureKind.Configuration, "let max-memory be at least memory"),
        (["maxcpus"], VmFailureKind.Configuration, "let max-cpus be at least cpus, and no more than the machine takes"),
        (["Could not open", "Permission denied"], VmFailureKind.Host, "give the daemon's user the right to read that file"),
        (["Could not open", "No such file"], VmFailureKind.Configuration, "correct the path"),
        (["set guest cid", "Address already in use"], VmFailureKind.Host, "another VM of the host has this context id; the next try takes another one"),
        (["Address already in use"], VmFailureKind.Host, "another process holds that socket: choose another run directory"),
        (["seccomp"], VmFailureKind.Host, "this QEMU or kernel has no seccomp: set sandbox = off"),
    ];

    /// <summary>What KVM does not do on this host, as long as it is this host.</summary>
    private static readonly string[] Refusals =
    [
        "failed to set MSR", "failed to get MSR", "ioctl(KVM_", "failed to initialize kvm", "kvm_init_vcpu failed", "kvm run failed",
        "invalid accelerator kvm", "No accelerator found", "KVM is not supported", "requires KVM",
    ];

    /// <summary>It would, were it not for others: who else uses the CPU, what the host has left.</summary>
    private static readonly string[] Passing =
    [
        "Device or resource busy", "Cannot allocate memory", "Resource temporarily unavailable", "Interrupted system call", "Too many open files",
        "Could not access KVM kernel module",
    ];

    /// <summary>QEMU ended, or did not start, because KVM does not do what this VM needs: it will not on another day.</summary>
    public static bool RefusesKvm(VmFailure failure) =>
        // Of other kinds a guest may have written the message.
        failure.Kind is VmFailureKind.Start or VmFailureKind.Exited or VmFailureKind.Host
        && Array.Exists(Refusals, words => failure.Message.Contains(words, StringComparison.OrdinalIgnoreCase))
        && !Array.Exists(Passing, words => failure.Message.Contains(words, StringComparison.OrdinalIgnoreCase));

    /// <summary>A QEMU that did not come up.</summary>
    public static VmFailure NotStarted(string qemu, string how, string log)
    {
        var (kind, remedy) = Classify(log) ?? (VmFailureKind.Start, "");
        return new VmFailure(kind, $"{Path.GetFileName(qemu)} did not start, it {how}: {Words(log)}", remedy);
    }

    /// <summary>A QEMU that was up, and is gone.</summary>
    public static VmFailure Exited(string how, string log) =>
        new(VmFailureKind.Exited, log.Length == 0 ? $"QEMU {how}" : $"QEMU {how}: {Words(log)}", Classify(log)?.Remedy ?? "");

    private static (VmFailureKind Kind, string Remedy)? Classify(string log)
    {
        foreach (var (parts, kind, remedy) in Known)
            if (Array.TrueForAll(parts, part => log.Contains(part, StringComparison.OrdinalIgnoreCase))) return (kind, remedy);
        return null;
    }

    /// <summary>One line, for a person.</summary>
    private static string Words(string log) => log.Length == 0
        ? "it said nothing"
        : string.Join(" | ", log.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)
            .Select(line => OwnName().Replace(line, "")).Distinct());

    /// <summary>The name that QEMU puts before each of its messages.</summary>
    [GeneratedRegex(@"^\S*qemu\S*: ")]
    private static partial Regex OwnName();
}
