using VmCacheCluster.Agent.Kata;

namespace VmCacheCluster.Agent;

/// <summary>What an agent can do beyond Kata's: our guest names it among the extra features of its details.</summary>
public static class AgentAbilities
{
    public const string Prepare = AgentServices.Guest + "/Prepare";
    public const string Exec = AgentServices.Guest + "/Exec";

    /// <summary>Whether the agent whose details these are says so; Kata's agents say nothing of the kind.</summary>
    public static bool Can(this GuestDetailsResponse details, string ability) =>
        details.AgentDetails?.ExtraFeatures.Contains(ability) == true;
}
