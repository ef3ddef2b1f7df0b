namespace VmCacheCluster.Gateway.Configuration;

/// <summary>What flags and environment say, as layers above the file. An empty variable counts as unset.</summary>
internal sealed class Overrides(CommandLineValues flags, IReadOnlyDictionary<string, string> environment)
{
    public (string Path, string Source)? ConfigFile =>
        flags.Config is { } flag ? (Path.GetFullPath(flag.Length == 0 ? "." : flag), "flag --config")
        : Variable("VMCACHE_CONFIG") is { } variable ? (Path.GetFullPath(variable), "variable VMCACHE_CONFIG")
        : null;

    public IEnumerable<Layer> OfNode =>
    [
        .. Layers("vmcache", "endpoint", flags.Endpoint, "--endpoint", "VMCACHE_ENDPOINT"),
        .. Layers("vmcache", "run-dir", flags.RunDirectory, "--run-dir", "VMCACHE_RUN_DIR"),
    ];

    /// <summary>Who joins or forms a cluster wants to be in one.</summary>
    public IEnumerable<Layer> OfCluster =>
    [
        .. Layers("vmcache.cluster", "seeds", flags.Join, "--join", "VMCACHE_JOIN"),
        .. Layers("vmcache.cluster", "enabled", flags.Join is not null ? "on" : null, "--join", "VMCACHE_CLUSTER"),
        .. Layers("vmcache.cluster", "enabled", flags.Bootstrap ? "on" : null, "--bootstrap", "VMCACHE_CLUSTER"),
        .. Layers("vmcache.cluster", "node-name", null, "", "VMCACHE_NODE_NAME"),
        .. Layers("vmcache.cluster", "advertise", null, "", "VMCACHE_ADVERTISE"),
    ];

    public bool Bootstrap => flags.Bootstrap;

    public IEnumerable<Layer> OfDefaultPool =>
    [
        .. Layers("vmcache.pools.default", "vm-cache-number", flags.VmCacheNumber, "--vm-cache-number", "VMCACHE_VM_CACHE_NUMBER"),
        .. Layers("vmcache.pools.default", "kata-config", flags.KataConfig is { Length: > 0 } file ? Path.GetFullPath(file) : flags.KataConfig, "--kata-config", "VMCACHE_KATA_CONFIG"),
        .. Layers("vmcache.pools.default", "agent-transport", flags.AgentTransport, "--agent-transport", "VMCACHE_AGENT_TRANSPORT"),
        .. Layers("vmcache.pools.default", "kata-version", flags.KataVersion, "--kata-version", "VMCACHE_KATA_VERSION"),
    ];

    private IEnumerable<Layer> Layers(string prefix, string key, string? flag, string flagName, string variable)
    {
        if (flag is not null) yield return Of(flag, $"flag {flagName}");
        if (Variable(variable) is { } value) yield return Of(value, $"variable {variable}");

        Layer Of(string text, string source) => new(ConfigNode.Of(key, text), prefix, source);
    }

    private string? Variable(string name) => environment.TryGetValue(name, out var value) && value.Length > 0 ? value : null;
}
