namespace VmCacheCluster.Kata.Configuration;

/// <summary>The tables and keys that a configuration.toml of Kata 1.x has, and later ones have not.</summary>
internal static class FirstTables
{
    private const string DefaultProxy = "/usr/libexec/kata-containers/kata-proxy";
    private const string Dynamic = "dynamic", Static = "static", Isolated = "isolated", Collated = "collated";

    /// <summary>The agents of kata-runtime 1.6; later ones have the first alone.</summary>
    private static readonly string[] Agents = ["kata", "hyperstart"];

    /// <param name="hasProxy">The file has [proxy.kata].</param>
    /// <param name="client">Who reads it; null: containerd's shim where the file has no [proxy.kata], else kata-runtime.</param>
    /// <param name="vsock">The host has vsock.</param>
    public static KataFirst Read(
        KataSection hypervisor, List<string> agents, KataSection agent, KataSection proxy, bool hasProxy, KataFirstClient? client, bool vsock,
        List<KataFault> faults)
    {
        var path = proxy.Text("path", hasProxy ? DefaultProxy : "");
        var shared = new KataFirst
        {
            Client = client ?? (hasProxy ? KataFirstClient.Runtime : KataFirstClient.Shim),
            // Kata 1.x goes on without it.
            UseVsock = hypervisor.Flag("use_vsock") && vsock,
            HotplugVfioOnRootBus = hypervisor.Flag("hotplug_vfio_on_root_bus"),
            Swap = hypervisor.Flag("enable_swap"),
        };
        var (mode, type) = (agent.Text("trace_mode"), agent.Text("trace_type"));
        if (shared.Client == KataFirstClient.Shim)
            return shared with { ProxyType = shared.UseVsock ? KataProxyTypes.None : KataProxyTypes.BuiltIn };
        if (agent.Flag("enable_tracing")) CheckTracing(agent, mode, type, faults);
        return shared with
        {
            AgentType = AgentType(agents, agent, faults),
            ProxyType = shared.UseVsock ? KataProxyTypes.None : KataProxyTypes.Kata,
            ProxyPath = shared.UseVsock ? "" : path,
            ProxyDebug = !shared.UseVsock && proxy.Flag("enable_debug"),
            TraceMode = mode,
            TraceType = type,
        };
    }

    /// <summary>What the client makes of [agent.kata].</summary>
    public static KataAgentConfig Agent(KataFirst first, KataSection agent)
    {
        var read = new KataAgentConfig
        {
            KernelModules = agent.List("kernel_modules"),
            Debug = agent.Flag("enable_debug"),
            Trace = agent.Flag("enable_tracing"),
            LongLiveConn = false,
        };
        return first.Client == KataFirstClient.Shim ? new KataAgentConfig { LongLiveConn = true } : read;
    }

    /// <summary>What the agent is told by the kernel's command line.</summary>
    public static IEnumerable<KataParam> KernelParams(KataFirst first, KataAgentConfig agent)
    {
        if (agent.Debug) yield return new("agent.log", "debug");
        if (agent.Trace && first.TraceMode == Static)
            yield return new("agent.trace", first.TraceType.Length > 0 ? first.TraceType : Isolated);
    }

    private static string AgentType(List<string> agents, KataSection agent, List<KataFault> faults)
    {
        var type = agents.FirstOrDefault(Agents.Contains) ?? agents.FirstOrDefault() ?? Agents[0];
        if (!Agents.Contains(type))
            faults.Add(new KataFault(agent.File, $"agent.{type}", "", $"{type} agent type is not supported", "use [agent.kata]") { Line = agent.Line });
        return type;
    }

    private static void CheckTracing(KataSection agent, string mode, string type, List<KataFault> faults)
    {
        if (mode is not ("" or Dynamic or Static)) faults.Add(Invalid("mode", mode, Dynamic, Static));
        if (type is not ("" or Isolated or Collated)) faults.Add(Invalid("type", type, Isolated, Collated));

        KataFault Invalid(string what, string value, string one, string other) => agent.Fault(
            $"trace_{what}", $"invalid kata agent trace {what}: \"{value}\" (need \"{one}\" or \"{other}\")", "use one of these");
    }
}
