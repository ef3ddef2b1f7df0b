using VmCacheCluster.Hypervisor.Qemu.ControlGroups;
using VmCacheCluster.Hypervisor.Qemu.Users;

namespace VmCacheCluster.Hypervisor.Qemu;

/// <summary>Where VMs are kept, and how long each step may take.</summary>
public sealed record QemuHypervisorOptions
{
    /// <summary>Ours alone: <c>vm/ID/</c> below it holds each VM's record, supervisor socket, pid file and log.</summary>
    public required string RunDirectory { get; init; }

    /// <summary>The clients': <c>ID/</c> below it holds each VM's QMP, console and agent sockets and its share.</summary>
    public required string ClientDirectory { get; init; }

    /// <summary>From the start of QEMU's process until its monitor has greeted.</summary>
    public TimeSpan StartDeadline { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>For each monitor command.</summary>
    public TimeSpan CommandDeadline { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>For each question to the agent of a VM that is up.</summary>
    public TimeSpan AgentDeadline { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>For the guest to bring plugged vCPUs and memory online; our own says after 20 s what it did not get.</summary>
    public TimeSpan OnlineDeadline { get; init; } = TimeSpan.FromSeconds(25);

    /// <summary>From <c>quit</c> until SIGTERM.</summary>
    public TimeSpan QuitDeadline { get; init; } = TimeSpan.FromSeconds(3);

    /// <summary>From SIGTERM until SIGKILL.</summary>
    public TimeSpan TerminateDeadline { get; init; } = TimeSpan.FromSeconds(3);

    /// <summary>From SIGKILL until the process is given up (it hangs in the kernel).</summary>
    public TimeSpan KillDeadline { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>For the removal of a VM's directories, until it is told that it takes long.</summary>
    public TimeSpan RemoveDeadline { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>Who VMs run as; null: they run as we do.</summary>
    public VmUsers? Users { get; init; }

    /// <summary>Where each VM gets a control group; null: none has one.</summary>
    public ControlGroupTree? ControlGroups { get; init; }

    /// <summary>What KVM is reached by.</summary>
    public string KvmDevice { get; init; } = "/dev/kvm";
}
