using Akka.Actor;
using Akka.Cluster;
using VmCacheCluster.Actors.Cluster.Wire;
using VmCacheCluster.Domain;

namespace VmCacheCluster.Actors.Cluster;

/// <summary>Who may come in.</summary>
public static class DoorRules
{
    /// <param name="clusterId">Of the cluster that this node is in, or was last; empty: in none.</param>
    /// <param name="members">Names and addresses of the members.</param>
    /// <returns>Null: it may.</returns>
    public static string? WhyRefused(Knock knock, ClusterPlan plan, string clusterId, IReadOnlyCollection<(NodeName? Name, NodeAddress At)> members)
    {
        var options = plan.Options;
        if (knock.Cluster != options.Name)
            return $"this is the cluster \"{options.Name}\", not \"{knock.Cluster}\": see vmcache.cluster.name there";
        if (knock.Protocol != DoorActor.Protocol)
            return $"it speaks protocol {knock.Protocol} (version {knock.Version}), this node {DoorActor.Protocol} (version {plan.Version}): one of them has to be upgraded";
        if (knock.ClusterId.Length > 0 && clusterId.Length > 0 && knock.ClusterId != clusterId)
            return $"it was in another cluster of this name ({knock.ClusterId}, not {clusterId}): if it is to move, stop it, remove cluster.json in its vmcache.state-dir and start it again";
        if (!NodeName.TryParse(knock.Node, out var name) || !NodeAddress.TryParse(knock.Address, out var at))
            return $"it calls itself \"{knock.Node}\" at \"{knock.Address}\", which makes no sense";
        if (name == plan.Node && at != options.Advertise)
            return $"this node, at {options.Advertise}, is called \"{name}\" too: give one of them another vmcache.cluster.node-name";
        if (members.FirstOrDefault(m => m.Name == name && m.At != at) is { Name: not null } other)
            return $"there is a member \"{name}\" at {other.At} already: give one of them another vmcache.cluster.node-name, or wait until that one is gone";
        if (members.FirstOrDefault(m => m.Name is { } n && n != name && n.Tag == name.Tag) is { Name: { } same })
            return $"the names \"{name}\" and \"{same}\" have the same checksum, by which VMs find their host: give it another vmcache.cluster.node-name";
        return null;
    }

    public static Knocked Read(NodeAddress at, KnockAnswer answer)
        => answer.Refused.Length > 0 ? new Knocked.Refused(at, answer.Refused)
            : answer.Members > 0 ? new Knocked.Member(at, answer.ClusterId, (int)answer.Members)
            : new Knocked.Alone(at);
}

/// <summary>A node's name, carried by its membership.</summary>
public static class NodeRole
{
    private const string Prefix = "node-";

    public static string Of(NodeName name) => Prefix + name;

    public static NodeName? NameOf(Member member)
        => member.Roles.FirstOrDefault(r => r.StartsWith(Prefix, StringComparison.Ordinal)) is { } role && NodeName.TryParse(role[Prefix.Length..], out var name)
            ? name
            : null;
}

internal static class Addresses
{
    public static NodeAddress ToNodeAddress(this Address address) => new(address.Host ?? "", address.Port ?? 0);
}
