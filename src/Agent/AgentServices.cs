namespace VmCacheCluster.Agent;

/// <summary>The names of the guest agent's services.</summary>
public static class AgentServices
{
    public const string Health = "grpc.Health";
    public const string Agent = "grpc.AgentService";
    public const string Guest = "vmcache.guest.v1.Guest";
}
