using VmCacheCluster.Domain;

namespace VmCacheCluster.Hypervisor.Qemu.CommandLine;

/// <summary>By what a QEMU is known as a VM's whose record is lost: the VM's directory in its -name. A VM of Kata's shape has it in -pidfile, as
/// have those of daemons before this one.</summary>
internal static class VmMarker
{
    /// <summary>debug-threads names the threads: it is by their names that the vCPUs' CPU time is told from the rest.</summary>
    private const string End = ",debug-threads=on";

    /// <summary>The value of -name.</summary>
    public static string Of(PoolName pool, string directory) => $"vmcache-{pool}:{QemuCommandLine.Escape(directory)}{End}";

    /// <summary>Whether these are the arguments of the QEMU of the VM with this directory.</summary>
    /// <param name="valueOf">The value after an option; null: the option is not there.</param>
    public static bool IsOf(Func<string, string?> valueOf, string directory) =>
        valueOf("-name")?.EndsWith($":{QemuCommandLine.Escape(directory)}{End}", StringComparison.Ordinal) == true
        || valueOf("-pidfile") == Path.Combine(directory, "pid");

    /// <summary>The same, wherever the VM's directory was when it was started.</summary>
    public static bool IsOf(Func<string, string?> valueOf, VmId id) =>
        valueOf("-name")?.EndsWith($"/{id}{End}", StringComparison.Ordinal) == true
        || valueOf("-pidfile")?.EndsWith($"/{id}/pid", StringComparison.Ordinal) == true;
}
