using VmCacheCluster.Agent.Kata;

namespace VmCacheCluster.Guest.Services;

/// <summary>grpc.Health: whoever gets an answer has proof that the agent serves.</summary>
internal static class HealthService
{
    /// <summary>The version of Kata's agent protocol that is spoken.</summary>
    public const string ProtocolVersion = "0.0.1";

    public static string AgentVersion { get; } = typeof(HealthService).Assembly.GetName().Version?.ToString(3) ?? "0.0.0";

    public static HealthCheckResponse Check() => new() { Status = HealthCheckResponse.Types.ServingStatus.Serving };

    public static VersionCheckResponse Version() => new() { GrpcVersion = ProtocolVersion, AgentVersion = AgentVersion };
}
