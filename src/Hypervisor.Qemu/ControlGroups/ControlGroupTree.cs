using System.Globalization;
using VmCacheCluster.Domain;

namespace VmCacheCluster.Hypervisor.Qemu.ControlGroups;

/// <summary>A control group (cgroup v2) that is ours, with one for each VM in it. Nothing is in it but these.</summary>
public sealed class ControlGroupTree
{
    private const string Prefix = "vm-";
    private const string Controllers = "+memory +pids +cpu";

    private readonly string _directory;

    private ControlGroupTree(string directory) => _directory = directory;

    /// <summary>Makes the group, where it is not there, and removes those of VMs that are gone.</summary>
    /// <param name="directory">Such as /sys/fs/cgroup/system.slice/vmcache-vms.service.</param>
    /// <exception cref="ControlGroupException">It is no control group, or not ours.</exception>
    public static ControlGroupTree Open(string directory)
    {
        try
        {
            if (!File.Exists(Path.Combine(Path.GetDirectoryName(directory) ?? "/", "cgroup.controllers"))) throw new IOException("it is in no control group of version 2");
            if (File.ReadLines("/proc/self/cgroup").Any(line => line.StartsWith("0::", StringComparison.Ordinal) && directory.EndsWith(line["0::".Length..], StringComparison.Ordinal) && line.Length > "0::/".Length))
                throw new IOException("the daemon itself is in it: name one that is for VMs alone");
            Directory.CreateDirectory(directory);
            if (!File.Exists(Path.Combine(directory, "cgroup.controllers"))) throw new IOException("it is no control group of version 2");
            KeepHolder(directory);
            File.WriteAllText(Path.Combine(directory, "cgroup.subtree_control"), Controllers);
            foreach (var old in Directory.EnumerateDirectories(directory, Prefix + "*"))
                if (ControlGroup.Lines(old, "cgroup.procs").Count == 0) ControlGroup.TryRemove(old);
            return new ControlGroupTree(directory);
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            throw new ControlGroupException(
                $"the control group {directory} cannot be used: {fault.Message}; its parent has to have memory, pids and cpu in cgroup.subtree_control, or "
                + "remove control-group from the configuration", fault);
        }
    }

    /// <summary>Of a VM that is being started.</summary>
    /// <exception cref="IOException">It cannot be made.</exception>
    internal ControlGroup Make(VmId id, VmBounds bounds)
    {
        var group = new ControlGroup(Of(id));
        Directory.CreateDirectory(Of(id));
        try
        {
            group.Set(bounds);
            return group;
        }
        catch
        {
            group.Remove();
            throw;
        }
    }

    /// <summary>Of a VM that is taken over; null: it was started without one.</summary>
    internal ControlGroup? Find(VmId id) => Directory.Exists(Of(id)) ? new ControlGroup(Of(id)) : null;

    private string Of(VmId id) => Path.Combine(_directory, Prefix + id.Value);

    /// <summary>A group whose members have limits has no process itself: the one that keeps a unit's group goes below it.</summary>
    private static void KeepHolder(string directory)
    {
        var processes = ControlGroup.Lines(directory, "cgroup.procs");
        if (processes.Count == 0) return;
        var holder = Path.Combine(directory, "holder");
        Directory.CreateDirectory(holder);
        foreach (var pid in processes)
            if (int.TryParse(pid, NumberStyles.None, CultureInfo.InvariantCulture, out _)) File.WriteAllText(Path.Combine(holder, "cgroup.procs"), pid);
    }
}
