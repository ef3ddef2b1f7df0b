using VmCacheCluster.Cli.Output;
using VmCacheCluster.Client;
using VmCacheCluster.Contracts.V1;

namespace VmCacheCluster.Cli.Doctor;

/// <summary>The doctor's judgement: pure functions of the host's facts.</summary>
internal static class Checks
{
    internal static readonly Version OldestQemu = new(7, 2);

    /// <summary>Below this not even one small VM and its QEMU fit.</summary>
    private const long LeastMemoryMiB = 384;

    private const long ComfortableMemoryMiB = 1024;

    internal static IReadOnlyList<Check> All(HostFacts facts) =>
    [
        Daemon(facts),
        .. facts.Daemon is null ? [] : facts.Daemon.Pools.SelectMany(p => new[] { Pool(p), Refill(p) }),
        .. facts.Daemon is { } node ? [VmUsers(node)] : Array.Empty<Check>(),
        Socket(facts),
        Qemu(facts.Qemu),
        Kvm(facts.Kvm, facts.Daemon),
        VhostVsock(facts.VhostVsock),
        Memory(facts.Memory),
        HugePages(facts.Memory),
        RunDirectory(facts.RunDirectory),
        TemplateChecks.Directory(facts.Templates),
        Guest(facts.Guest),
    ];

    internal static Check Daemon(HostFacts facts)
    {
        const string name = "daemon";
        if (facts.Daemon is { } node)
        {
            var version = node.Version.Length > 0 ? $" {node.Version}" : "";
            return new Check(name, Verdict.Ok, $"vmcached{version} answers at {facts.Endpoint} (pid {node.Pid})");
        }

        var told = Errors.Of(facts.DaemonFault!);
        var found = facts.DaemonFault!.Message;
        var advice = told.Message.Length > found.Length ? told.Message[(found.Length + 2)..] : "see vmcached's log";
        // Before the first start there is nothing wrong in that nothing listens.
        var absent = facts.DaemonFault.Reason is Reasons.NoSocket or Reasons.NotListening;
        return new Check(name, absent ? Verdict.Warn : Verdict.Fail, found, advice);
    }

    internal static Check Pool(PoolStatus pool)
    {
        var name = $"pool {pool.Name}";
        var found = $"{pool.Warm} of {pool.Target} warm";
        return pool.Warm >= pool.Target ? new Check(name, Verdict.Ok, found)
            : pool.Reason.Length == 0 && pool.Warming > 0 ? new Check(name, Verdict.Ok, $"{found}, {pool.Warming} being made")
            : new Check(name, Verdict.Warn, $"{found}: {(pool.Reason.Length > 0 ? Table.OneLine(pool.Reason) : "and none being made")}", "see its events in 'vmcache status' and vmcached's log");
    }

    /// <summary>A pool that would clone and has to boot takes many times as long.</summary>
    internal static Check Refill(PoolStatus pool)
    {
        var (name, found) = ($"refill {pool.Name}", $"by {pool.Refill}: {Table.OneLine(pool.RefillReason)}");
        return pool.Refill == "boot" && pool.RefillReason.Contains("cannot clone", StringComparison.Ordinal)
            ? new Check(name, Verdict.Warn, found, "do what the reason says; with refill = boot in the pool's configuration nothing is cloned")
            : new Check(name, Verdict.Ok, found);
    }

    internal static Check VmUsers(NodeStatus node) =>
        node.VmUsers.Length > 0 ? new Check("vm users", Verdict.Ok, $"each VM runs as a user of its own, of {node.VmUsers}")
        : new Check("vm users", Verdict.Warn,
            $"all VMs run as the daemon's user, and can reach each other's files{(node.VmUsersReason.Length > 0 ? $": {Table.OneLine(node.VmUsersReason)}" : "")}",
            "let vmcached run as root with vm-users = auto");

    internal static Check Socket(HostFacts facts)
    {
        const string name = "socket";
        if (facts.SocketMode is not { } mode)
        {
            return new Check(name, Verdict.Ok, $"{facts.Endpoint} does not exist yet: vmcached makes it");
        }

        // To connect is to write: whoever may, can take VMs and stop the daemon.
        const UnixFileMode others = UnixFileMode.GroupWrite | UnixFileMode.OtherWrite;
        return (mode & others) == 0
            ? new Check(name, Verdict.Ok, $"{facts.Endpoint} is its owner's alone ({Octal(mode)})")
            : new Check(
                name, Verdict.Warn, $"{facts.Endpoint} has permissions {Octal(mode)}: others than its owner can take VMs and stop the daemon",
                $"chmod 0600 {facts.Endpoint}");
    }

    internal static Check Qemu(QemuFacts qemu)
    {
        const string name = "qemu";
        const string install = "apt install qemu-system-x86, or name it by --qemu PATH";
        if (!qemu.Found)
        {
            return new Check(name, Verdict.Fail, $"there is no {qemu.Path}", install);
        }

        if (qemu.VersionLine is not { } line)
        {
            return new Check(name, Verdict.Fail, $"{qemu.Path} --version failed: {qemu.Fault}", install);
        }

        return HostFormats.QemuVersion(line) is not { } version
            ? new Check(name, Verdict.Warn, $"{qemu.Path} tells no version: '{Table.OneLine(line)}'", $"QEMU {OldestQemu} or newer is needed")
            : version < OldestQemu
                ? new Check(name, Verdict.Fail, $"{qemu.Path} is version {version}", $"install QEMU {OldestQemu} or newer")
                : new Check(name, Verdict.Ok, $"{qemu.Path}, version {version}");
    }

    internal static Check Kvm(DeviceFacts kvm, NodeStatus? daemon)
    {
        const string name = "kvm";
        var verdicts = daemon?.Pools.Where(p => p.Accelerator.Length > 0).Select(Accelerator).ToList() ?? [];
        var proved = verdicts.Count > 0 ? $"; the daemon's verdict: {string.Join("; ", verdicts)}" : "";
        if (!kvm.Exists)
        {
            return new Check(
                name, Verdict.Warn, $"{kvm.Path} is absent: VMs run under TCG, many times slower{proved}",
                "switch virtualization on in the firmware (or nested virtualization in the host above), and modprobe kvm_intel or kvm_amd");
        }

        if (kvm.Fault.Length > 0)
        {
            return new Check(
                name, Verdict.Warn, $"{kvm.Path} cannot be opened ({kvm.Fault}): VMs run under TCG, many times slower{proved}",
                $"run as root, or add vmcached's user to the group of {kvm.Path}");
        }

        if (verdicts.Count == 0)
        {
            return new Check(
                name, Verdict.Ok, $"{kvm.Path} can be opened; that is no proof that a guest runs under it",
                "start vmcached: it proves it by booting a guest, and this check tells its verdict");
        }

        return daemon!.Pools.Any(p => p.Accelerator == "tcg")
            ? new Check(
                name, Verdict.Warn, $"{kvm.Path} can be opened{proved}",
                "under TCG a guest is many times slower: see the reason; on a nested host, enable nested virtualization above it; --retry-kvm has KVM proved anew")
            : new Check(name, Verdict.Ok, $"{kvm.Path} can be opened{proved}");
    }

    internal static Check VhostVsock(DeviceFacts vsock)
    {
        const string name = "vhost-vsock";
        return !vsock.Exists
            ? new Check(
                name, Verdict.Ok, $"{vsock.Path} is absent: guests' agents can be reached over virtio-serial alone", "modprobe vhost_vsock, if vsock is wanted (agent-transport)")
            : vsock.Fault.Length > 0
                ? new Check(name, Verdict.Warn, $"{vsock.Path} cannot be opened ({vsock.Fault})", "give vmcached's user the right to it if vsock is wanted; virtio-serial needs no permission")
                : new Check(name, Verdict.Ok, $"{vsock.Path} can be opened");
    }

    internal static Check Memory(MemoryFacts memory)
    {
        const string name = "memory";
        var found = $"{memory.AvailableMiB} MiB available of {memory.TotalMiB} MiB";
        const string advice = "each warm VM needs its own memory and QEMU's: free some, or lower vm-cache-number or the VMs' memory";
        return memory.AvailableMiB < LeastMemoryMiB ? new Check(name, Verdict.Fail, found, advice)
            : memory.AvailableMiB < ComfortableMemoryMiB ? new Check(name, Verdict.Warn, found, advice)
            : new Check(name, Verdict.Ok, found);
    }

    internal static Check HugePages(MemoryFacts memory) => new(
        "hugepages",
        Verdict.Ok,
        memory.HugePagesTotal == 0
            ? "none reserved (they are optional)"
            : $"{memory.HugePagesFree} of {memory.HugePagesTotal} free, {memory.HugePageKiB} KiB each");

    internal static Check RunDirectory(DirectoryFacts directory)
    {
        const string name = "run-dir";
        if (!directory.Writable)
        {
            var what = directory.Exists ? "is not writable by this user" : "does not exist, and this user cannot make it";
            return new Check(name, Verdict.Fail, $"{directory.Path} {what}", "run as root, or name another by --run-dir");
        }

        if (directory.Mode is { } mode && (mode & (UnixFileMode.GroupWrite | UnixFileMode.OtherWrite)) != 0)
        {
            return new Check(
                name, Verdict.Fail, $"{directory.Path} has permissions {Octal(mode)}: others could replace sockets and records",
                $"chmod 0700 {directory.Path}");
        }

        var state = directory.Mode is { } bits ? $"has permissions {Octal(bits)}" : "does not exist yet: vmcached makes it";
        return directory.FileSystem is "tmpfs" or "ramfs"
            ? new Check(name, Verdict.Ok, $"{directory.Path} {state}, on {directory.FileSystem}")
            : new Check(
                name, Verdict.Warn, $"{directory.Path} {state}, on {directory.FileSystem}, not tmpfs: records cost disk writes and outlive the VMs",
                "mount a tmpfs there, or name a directory on tmpfs as run directory");
    }

    internal static Check Guest(GuestFacts guest)
    {
        const string name = "guest";
        return (guest.Kernel, guest.Initramfs) switch
        {
            ({ } kernel, { } initramfs) => new Check(name, Verdict.Ok, $"{kernel} and {initramfs}"),
            var (kernel, initramfs) => new Check(
                name, Verdict.Warn,
                $"no {(kernel is null ? "kernel" : "")}{(kernel is null && initramfs is null ? " and no " : "")}{(initramfs is null ? "initramfs" : "")} of the embedded guest in {string.Join(", ", guest.Looked)}",
                "build it with ./build.sh, or name its directory by --guest; not needed with a kernel and image of one's own"),
        };
    }

    private static string Accelerator(PoolStatus pool)
    {
        var reason = pool.AcceleratorReason.Length > 0 ? $" ({Table.OneLine(pool.AcceleratorReason)})" : "";
        return $"pool {pool.Name} runs under {pool.Accelerator}{reason}";
    }

    internal static string Octal(UnixFileMode mode) => "0" + Convert.ToString((int)mode, 8).PadLeft(3, '0');
}
