namespace VmCacheCluster.Gateway.Configuration;

/// <summary>The daemon's flags as typed; null: not given.</summary>
public sealed record CommandLineValues(
    string? Config = null, string? Endpoint = null, string? VmCacheNumber = null, string? RunDirectory = null,
    string? KataConfig = null, string? AgentTransport = null, string? KataVersion = null,
    string? Join = null, bool Bootstrap = false);
