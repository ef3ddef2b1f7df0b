namespace VmCacheCluster.Kata.Configuration;

/// <summary>The tables and keys that a configuration.toml of Kata 1.x has, and later ones have not.</summary>
internal static class FirstTables
{
    private static readonly string[] Agents = ["kata", "hyperstart"];

    public static KataFirst Read(KataSection hypervisor, List<string> agents, KataSection agent, KataSection proxy, List<KataFault> faults)
    {
        var type = agents.FirstOrDefault(Agents.Contains) ?? agents.FirstOrDefault() ?? Agents[0];
        if (!Agents.Contains(type))
        {
            var text = $"agent type {type} is not supported by VM cache";
            faults.Add(new KataFault(hypervisor.MainFile, $"agent.{type}", "", text, "use [agent.kata]") { Line = agent.Line });
        }

        var vsock = hypervisor.Flag("use_vsock");
        var path = proxy.Text("path");
        return new KataFirst
        {
            AgentType = type,
            // The runtime of the command line has a proxy where the file names one; containerd's shim is its own.
            ProxyType = vsock ? KataProxyTypes.None : path.Length > 0 ? KataProxyTypes.Kata : KataProxyTypes.BuiltIn,
            ProxyPath = vsock ? "" : path,
            ProxyDebug = !vsock && proxy.Flag("enable_debug"),
            UseVsock = vsock,
            HotplugVfioOnRootBus = hypervisor.Flag("hotplug_vfio_on_root_bus"),
            Swap = hypervisor.Flag("enable_swap"),
            TraceMode = agent.Text("trace_mode"),
            TraceType = agent.Text("trace_type"),
        };
    }
}
