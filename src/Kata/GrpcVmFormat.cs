using Google.Protobuf;
using VmCacheCluster.Domain;
using VmCacheCluster.Kata.Wire;

namespace VmCacheCluster.Kata;

/// <summary>What a client learns from a GrpcVM.</summary>
/// <param name="Id">The VM's id.</param>
/// <param name="Qmp">The absolute path of its QMP socket.</param>
/// <param name="ClientDirectory">The directory of that socket: console and agent sockets are there too.</param>
public sealed record ReceivedVm(
    VmId Id, string Qmp, string ClientDirectory, int Cpus, int MemoryMiB, KataHypervisorState Hypervisor)
{
    /// <summary>Where its agent is reached: the path of a Unix socket, or vsock://CID:1024.</summary>
    public string Agent =>
        Hypervisor.AgentURL is not { Length: > 0 } url ? Path.Combine(ClientDirectory, "agent.sock")
        : url.StartsWith("unix://", StringComparison.Ordinal) ? url["unix://".Length..] : url;
}

/// <summary>GrpcVM, as Kata's NewVMFromGrpc takes a VM over.</summary>
public static class GrpcVmFormat
{
    private const string UnixScheme = "unix://";

    /// <summary>As Kata counts: a bridge's bus has 32 slots, and two are not for devices.</summary>
    private const uint BridgeSlots = 30;

    /// <param name="vm">The VM.</param>
    /// <param name="target">The clients of its pool.</param>
    public static GrpcVM Write(VmFacts vm, KataTarget target = KataTarget.Union)
    {
        var spec = vm.Spec;
        // What differs from VM to VM beside its paths is rendered each time.
        var hypervisor = spec.HasVsock || spec.Kata is { Share: SharedFileSystem.VirtioFs }
            ? KataPayload.Write(StateOf(spec, vm.Id.Value, vm.Paths.Qmp, vm.Paths.Agent, vm.FileServerPid), target)
            : GrpcVmTemplate.Of(spec, target, (id, qmp, agent) => KataPayload.Write(StateOf(spec, id, qmp, agent), target))
                .Fill(vm.Id.Value, vm.Paths.Qmp, vm.Paths.Agent);
        var (proxyPid, proxyUrl) = ProxyOf(vm);
        return new GrpcVM
        {
            Id = vm.Id.Value,
            ProxyPid = proxyPid,
            ProxyURL = proxyUrl,
            Hypervisor = UnsafeByteOperations.UnsafeWrap(hypervisor),
            Cpu = (uint)vm.Spec.Cpus,
            Memory = (uint)vm.Spec.MemoryMiB,
        };
    }

    /// <summary>Of Kata 1.x: whoever multiplexes, and where; without a proxy QEMU itself, or nobody.</summary>
    private static (long Pid, string Url) ProxyOf(VmFacts vm) =>
        vm.Spec.Kata is not { First: true } shape ? (0, "")
        : shape.Transport == AgentTransport.Vsock ? (0, vm.Paths.Agent)
        : (vm.ProxyPid > 0 ? vm.ProxyPid : vm.Process.Pid, UnixScheme + vm.Paths.Agent);

    /// <exception cref="KataFormatException">The message is not what a server of this project sends.</exception>
    public static ReceivedVm Read(GrpcVM message)
    {
        if (!VmId.TryParse(message.Id, out var id))
            throw new KataFormatException($"GrpcVM.id is no VM id (a lower-case UUID): \"{message.Id}\"");
        if (message.Cpu > int.MaxValue || message.Memory > int.MaxValue)
            throw new KataFormatException($"GrpcVM has absurd sizes: {message.Cpu} vCPUs, {message.Memory} MiB");
        var state = KataHypervisorState.Parse(message.Hypervisor.Span);
        if (!Path.IsPathFullyQualified(state.QmpChannelpath))
            throw new KataFormatException($"GrpcVM.hypervisor's QmpChannelpath is not absolute: \"{state.QmpChannelpath}\"");
        if (state.ID != message.Id)
            throw new KataFormatException($"GrpcVM.hypervisor is of another VM: \"{state.ID}\", not \"{message.Id}\"");
        return new ReceivedVm(
            id, state.QmpChannelpath, Path.GetDirectoryName(state.QmpChannelpath)!,
            (int)message.Cpu, (int)message.Memory, state);
    }

    private static KataHypervisorState StateOf(VmSpec spec, string id, string qmp, string agent, int fileServer = 0) => new()
    {
        ID = id,
        QmpChannelpath = qmp,
        State = new KataQemuState
        {
            UUID = id,
            HotPlugVFIO = spec.Kata?.HotPlugVfio ?? "no-port",
            ColdPlugVFIO = spec.Kata?.ColdPlugVfio ?? "no-port",
            // VMs of our own layout have no PCI bridge, only root ports, which Kata keeps no list of.
            Bridges = spec.Kata is { } shape ? [.. Enumerable.Range(0, KataBridges.Count(shape)).Select(i => BridgeOf(shape, i))] : [],
            VirtiofsDaemonPid = fileServer,
            VirtiofsdPid = fileServer,
            HotplugVFIOOnRootBus = spec.Kata?.HotPlugOnRootBus ?? false,
            PCIeRootPort = (uint)(spec.Kata?.RootPorts ?? 0),
            PCIeSwitchPort = (uint)(spec.Kata?.SwitchPorts ?? 0),
        },
        NvdimmCount = spec is { Image: not null, Kata.Image: ImageDevice.Nvdimm } ? 1 : 0,
        QemuSMP = new KataSmp
        {
            CPUs = (uint)spec.Cpus,
            Cores = 1,
            Threads = 1,
            Sockets = (uint)spec.MaxCpus,
            MaxCPUs = (uint)spec.MaxCpus,
        },
        ContextID = VsockAddress.ContextId(agent),
        AgentURL = VsockAddress.ContextId(agent) is null ? UnixScheme + agent : agent,
    };

    private static KataBridge BridgeOf(KataShape shape, int i)
    {
        var slot = KataBridges.FirstAddress + i;
        return new()
        {
            ID = $"pci-bridge-{i}",
            Type = "pci",
            Address = new(StringComparer.Ordinal),
            MaxCapacity = BridgeSlots,
            Addr = shape.NestedBridges ? 0 : slot,
            ParentID = shape.NestedBridges ? $"rp-pci-bridge-{i}" : "",
            ParentAddr = shape.NestedBridges ? slot : 0,
        };
    }
}
