using Google.Protobuf;
using VmCacheCluster.Domain;
using VmCacheCluster.Kata.Wire;

namespace VmCacheCluster.Kata;

/// <summary>What a client learns from a GrpcVM.</summary>
/// <param name="Id">The VM's id.</param>
/// <param name="Qmp">The absolute path of its QMP socket.</param>
/// <param name="ClientDirectory">The directory of that socket: console and agent sockets are there too.</param>
public sealed record ReceivedVm(
    VmId Id, string Qmp, string ClientDirectory, int Cpus, int MemoryMiB, KataHypervisorState Hypervisor);

/// <summary>GrpcVM, as Kata's NewVMFromGrpc takes a VM over.</summary>
public static class GrpcVmFormat
{
    public static GrpcVM Write(VmFacts vm)
    {
        var template = GrpcVmTemplate.Of(vm.Spec, (id, path) => StateOf(vm.Spec, id, path));
        return new GrpcVM
        {
            Id = vm.Id.Value,
            Hypervisor = UnsafeByteOperations.UnsafeWrap(template.Fill(vm.Id.Value, vm.Paths.Qmp)),
            Cpu = (uint)vm.Spec.Cpus,
            Memory = (uint)vm.Spec.MemoryMiB,
        };
    }

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

    private static KataHypervisorState StateOf(VmSpec spec, string id, string qmp) => new()
    {
        ID = id,
        QmpChannelpath = qmp,
        State = new KataQemuState
        {
            UUID = id,
            HotPlugVFIO = "no-port",
            ColdPlugVFIO = "no-port",
            // The VMs have no PCI bridge, only root ports, which Kata keeps no list of.
            Bridges = [],
        },
        QemuSMP = new KataSmp
        {
            CPUs = (uint)spec.Cpus,
            Cores = 1,
            Threads = 1,
            Sockets = (uint)spec.MaxCpus,
            MaxCPUs = (uint)spec.MaxCpus,
        },
    };
}
