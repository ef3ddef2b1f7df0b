using VmCacheCluster.Domain;

namespace VmCacheCluster.Gateway.Configuration;

/// <summary>How a pool's agents are to be reached, as it stands in a configuration.</summary>
internal enum TransportChoice
{
    /// <summary>Serial; with kata-config vsock, as Kata does.</summary>
    Default,
    Vsock,
    Serial,
    /// <summary>Vsock where the host has it.</summary>
    Auto,
}

/// <summary>Reads agent-transport, and resolves it for this host.</summary>
internal sealed class TransportReader(HostFacts host, ICollection<ConfigurationFault> faults)
{
    private static readonly Dictionary<string, TransportChoice> Choices = new()
    {
        ["default"] = TransportChoice.Default, ["vsock"] = TransportChoice.Vsock, ["serial"] = TransportChoice.Serial,
        // The name that it had at first.
        ["virtio-serial"] = TransportChoice.Serial, ["auto"] = TransportChoice.Auto,
    };

    /// <summary>Of a pool with kata-config. A host that lacks vsock is told of when Kata's file is read.</summary>
    public AgentTransport OfKata(Section section) => Resolve(section.Choice("agent-transport", Choices).Value, AgentTransport.Vsock);

    /// <summary>Of a pool of our own layout. Whether its host has vsock is not asked for <c>vsock</c>: the module may be loaded later.</summary>
    public AgentTransport OfOwn(Section section, Setting<AgentProtocol> protocol)
    {
        var choice = section.Choice("agent-transport", Choices);
        if (protocol.Value == AgentProtocol.Ttrpc) return Resolve(choice.Value, AgentTransport.VirtioSerial);
        if (choice.Value == TransportChoice.Vsock)
            faults.Add(choice.Fault($"with {protocol.Key} = {protocol.Text} agents are reached over virtio-serial alone", "set it to serial, or agent-protocol to ttrpc"));
        return AgentTransport.VirtioSerial;
    }

    private AgentTransport Resolve(TransportChoice choice, AgentTransport usual) => choice switch
    {
        TransportChoice.Vsock => AgentTransport.Vsock,
        TransportChoice.Serial => AgentTransport.VirtioSerial,
        TransportChoice.Auto => host.HasVsock ? AgentTransport.Vsock : AgentTransport.VirtioSerial,
        _ => usual,
    };
}
