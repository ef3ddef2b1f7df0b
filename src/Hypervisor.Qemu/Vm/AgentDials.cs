using VmCacheCluster.Agent;
using VmCacheCluster.Domain;

namespace VmCacheCluster.Hypervisor.Qemu.Vm;

/// <summary>How the agent of a VM is connected to.</summary>
internal static class AgentDials
{
    /// <param name="frame">How long a frame of ttRPC may take to arrive; null: its default.</param>
    public static AgentDial Of(VmFacts vm, TimeSpan? frame = null) => Of(vm.Spec.Agent, vm.Paths.Agent, frame);

    public static AgentDial Of(AgentProtocol protocol, string address, TimeSpan? frame = null) => protocol switch
    {
        AgentProtocol.Yamux => cancel => GrpcAgentChannel.ThroughYamuxAsync(address, cancel),
        AgentProtocol.Grpc => cancel => GrpcAgentChannel.DirectAsync(address, cancel),
        _ => async cancel => await TtrpcClient.ConnectAsync(
            address, frame is { } limit ? new TtrpcClientOptions { FrameTimeout = limit } : null, cancel).ConfigureAwait(false),
    };
}
