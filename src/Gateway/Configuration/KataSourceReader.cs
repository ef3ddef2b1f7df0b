using VmCacheCluster.Domain;
using VmCacheCluster.Kata;
using VmCacheCluster.Kata.Configuration;

namespace VmCacheCluster.Gateway.Configuration;

/// <summary>Reads what a pool has of Kata's own configuration.</summary>
/// <param name="host">This host as Kata sees it; made when a pool asks for it.</param>
/// <param name="transports">Reads how its agents are reached.</param>
/// <param name="faults">Gets what is wrong.</param>
internal sealed class KataSourceReader(Func<IKataHost> host, TransportReader transports, ICollection<ConfigurationFault> faults)
{
    /// <summary>What Kata's file decides; the keys of pool-defaults that then have no meaning.</summary>
    private static readonly string[] Decided =
    [
        "qemu", "machine", "cpu-model", "cpus", "max-cpus", "memory", "memory-slots", "max-memory", "kernel", "initrd", "image", "kernel-parameters",
        "append-kernel-parameters", "entropy-source", "root-ports", "agent-protocol",
    ];

    /// <param name="name">The pool.</param>
    /// <param name="section">Its settings.</param>
    /// <param name="own">What vmcache.conf says of this pool alone.</param>
    /// <param name="source">Where that stands.</param>
    /// <returns>Null: it has none, or none that can be read.</returns>
    public KataSource? Read(PoolName name, Section section, ConfigNode? own, string source)
    {
        var file = section.Path("kata-config", mayBeEmpty: true);
        var target = section.Choice("kata-version", KataVersion.Parse, KataVersion.Choices).Value;
        if (file.Value.Length == 0) return null;
        var transport = transports.OfKata(section);
        foreach (var key in Decided.Where(k => own?[k] is { IsNull: false }))
            faults.Add(new ConfigurationFault(
                $"vmcache.pools.{name}.{key}", own![key]!.Shown, $"the pool's VMs are those of {file.Value}", source, "set it there, in Kata's words, or remove it here"));
        var seen = host();
        var first = target == KataTarget.Kata113;
        var read = new KataConfigurationReader(seen, transport == AgentTransport.Vsock, target).Read(file.Value);
        foreach (var fault in read.Faults)
            faults.Add(new ConfigurationFault(fault.Key.Length > 0 ? fault.Key : fault.File, fault.Value, fault.Said, fault.Place, fault.Remedy));
        if (first) transport = read.Configuration?.Vm.First?.UseVsock == true ? AgentTransport.Vsock : AgentTransport.VirtioSerial;
        return read.Configuration is { } configuration
            ? new KataSource(file.Value, configuration, target, KataPool.Spec(name, configuration.Vm, transport, seen, target))
            : null;
    }
}
