using VmCacheCluster.Domain;
using VmCacheCluster.Hypervisor.Qemu.Processes;
using VmCacheCluster.Hypervisor.Qemu.Users;
using VmCacheCluster.Hypervisor.Qemu.Vm;

namespace VmCacheCluster.Hypervisor.Qemu;

/// <summary>Checks a spec's files and directories without starting anything.</summary>
internal static class Preflight
{
    /// <summary>The first thing that is wrong, or null.</summary>
    public static VmFailure? Check(VmSpec spec, QemuHypervisorOptions options) =>
        Program(spec.Qemu)
        ?? Input("kernel", spec.Kernel)
        ?? (spec.Initrd is null ? null : Input("initrd", spec.Initrd))
        ?? (spec.Image is null ? null : Input("image", spec.Image))
        ?? (options.Users is null || spec.Kata is not null ? null : ForItsUser(spec))
        ?? (spec.Kata is { } kata ? KataPreflight.Check(kata) : null)
        ?? (spec.HasVsock ? VsockContext.Problem() : null)
        ?? Shape(spec)
        ?? Sockets(options)
        ?? Writable("run directory", options.RunDirectory)
        ?? Writable("client directory", options.ClientDirectory);

    private static VmFailure? Program(string path)
    {
        if (!File.Exists(path)) return Wrong($"QEMU is missing: there is no file {path}", "install qemu-system-x86, or set the pool's qemu to where it is");
        return Native.Access(path, Native.X_OK) == 0 ? null : Wrong($"QEMU at {path} is not executable", "set the pool's qemu to an executable qemu-system-x86_64");
    }

    internal static VmFailure? Input(string what, string path)
    {
        if (Directory.Exists(path)) return Wrong($"the {what} {path} is a directory", $"set the pool's {what} to a file");
        if (!File.Exists(path)) return Wrong($"the {what} is missing: there is no file {path}", $"put it there, or set the pool's {what} to where it is");
        if (Native.Access(path, Native.R_OK) != 0)
            return new VmFailure(VmFailureKind.Host, $"the {what} {path} cannot be read", "give the daemon's user the right to read it");
        return new FileInfo(path).Length > 0 ? null : Wrong($"the {what} {path} is empty", "build or copy it again");
    }

    /// <summary>What the VM's own user, whom the host does not know, must be able to use.</summary>
    private static VmFailure? ForItsUser(VmSpec spec)
    {
        const string alone = "VMs run as users of their own";
        foreach (var (what, path) in new[] { ("kernel", spec.Kernel), ("initrd", spec.Initrd), ("image", spec.Image) })
        {
            if (path is not null && !Strangers.MayRead(path))
                return new VmFailure(VmFailureKind.Host, $"the {what} {path} cannot be read by all users, and {alone}", $"chmod o+r {path}, or set vm-users = off");
        }

        if (Path.Exists(spec.EntropySource) && !Strangers.MayRead(spec.EntropySource))
            return new VmFailure(VmFailureKind.Host, $"the entropy source {spec.EntropySource} cannot be read by all users, and {alone}", "set entropy-source to /dev/urandom, or vm-users to off");
        return !ProgramKind.IsScript(spec.Qemu) && Strangers.WhyNotExecute(spec.Qemu) is { } barred
            ? new VmFailure(VmFailureKind.Host, $"QEMU at {spec.Qemu} cannot be executed by all users, and {alone}", $"chmod o+x {barred}, or set vm-users = off")
            : null;
    }

    private static VmFailure? Shape(VmSpec spec)
    {
        if (spec.Initrd is null == spec.Image is null)
            return Wrong("a pool needs either an initrd or an image", "set exactly one of the two");
        if (spec.Cpus < 1 || spec.MaxCpus < spec.Cpus)
            return Wrong($"{spec.Cpus} vCPUs with at most {spec.MaxCpus} make no VM", "let cpus be at least 1, and max-cpus at least cpus");
        return spec.MemoryMiB < 1 || spec.MaxMemoryMiB < spec.MemoryMiB
            ? Wrong($"{spec.MemoryMiB} MiB with at most {spec.MaxMemoryMiB} MiB make no VM", "let max-memory be at least memory")
            : null;
    }

    private static VmFailure? Sockets(QemuHypervisorOptions options) =>
        QemuPaths.Fault(options.RunDirectory, options.ClientDirectory) is { } fault ? Wrong(fault, "choose another directory") : null;

    private static VmFailure? Writable(string what, string directory)
    {
        var existing = directory;
        while (!Path.Exists(existing)) existing = Path.GetDirectoryName(existing) ?? "/";
        if (!Directory.Exists(existing)) return Wrong($"the {what} {directory} cannot be made: {existing} is no directory", "choose another directory");
        return Native.Access(existing, Native.W_OK | Native.X_OK) == 0
            ? null
            : new VmFailure(VmFailureKind.Host, $"the {what} {directory} cannot be written to (as far as {existing})",
                "give the daemon's user the right to it, or choose another directory");
    }

    internal static VmFailure Wrong(string message, string remedy) => new(VmFailureKind.Configuration, message, remedy);
}
