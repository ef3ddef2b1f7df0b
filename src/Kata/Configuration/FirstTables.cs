using Tomlyn.Model;

namespace VmCacheCluster.Kata.Configuration;

/// <summary>The tables and keys that a configuration.toml of Kata 1.x has, and later ones have not.</summary>
internal static class FirstTables
{
    private const string DefaultProxy = "/usr/libexec/kata-containers/kata-proxy";
    private const string Dynamic = "dynamic", Static = "static", Isolated = "isolated", Collated = "collated";

    /// <summary>The agents of kata-runtime 1.6; later ones have the first alone.</summary>
    private static readonly string[] Agents = ["kata", "hyperstart"];

    /// <param name="client">Who reads it; null: containerd's shim where the file has no [proxy.kata], else kata-runtime.</param>
    /// <param name="vsock">The host has vsock.</param>
    public static KataFirst Read(
        TomlFile file, TomlSection hypervisor, TomlTable? agents, TomlSection agent, KataFirstClient? client, bool vsock,
        ICollection<KataFault> mistyped, ICollection<KataFault> faults)
    {
        var table = file.Root.TryGetValue("proxy", out var found) && found is TomlTable proxies && proxies.TryGetValue("kata", out var kata)
            ? kata as TomlTable : null;
        var proxy = new TomlSection(table, "proxy.kata", file, mistyped);
        var path = proxy.Text("path", table is null ? "" : DefaultProxy);
        var shared = new KataFirst
        {
            Client = client ?? (table is null ? KataFirstClient.Shim : KataFirstClient.Runtime),
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
            AgentType = AgentType(file, agents, faults),
            ProxyType = shared.UseVsock ? KataProxyTypes.None : KataProxyTypes.Kata,
            ProxyPath = shared.UseVsock ? "" : path,
            ProxyDebug = !shared.UseVsock && proxy.Flag("enable_debug"),
            TraceMode = mode,
            TraceType = type,
        };
    }

    /// <summary>What the client makes of [agent.kata].</summary>
    public static KataAgentConfig Agent(KataFirst first, TomlSection agent)
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

    private static string AgentType(TomlFile file, TomlTable? agents, ICollection<KataFault> faults)
    {
        var type = agents?.Keys.FirstOrDefault(Agents.Contains) ?? agents?.Keys.FirstOrDefault() ?? Agents[0];
        if (!Agents.Contains(type))
            faults.Add(new KataFault(file.Path, $"agent.{type}", "", $"{type} agent type is not supported", "use [agent.kata]"));
        return type;
    }

    private static void CheckTracing(TomlSection agent, string mode, string type, ICollection<KataFault> faults)
    {
        if (mode is not ("" or Dynamic or Static)) faults.Add(Invalid("mode", mode, Dynamic, Static));
        if (type is not ("" or Isolated or Collated)) faults.Add(Invalid("type", type, Isolated, Collated));

        KataFault Invalid(string what, string value, string one, string other) => agent.Fault(
            $"trace_{what}", $"invalid kata agent trace {what}: \"{value}\" (need \"{one}\" or \"{other}\")", "use one of these");
    }
}
