namespace VmCacheCluster.Domain;

/// <summary>Where a call goes that concerns a VM.</summary>
public abstract record VmRoute
{
    /// <summary>This host answers it, if only to say that there is no such VM.</summary>
    public sealed record Here : VmRoute
    {
        public static readonly Here Instance = new();
    }

    public sealed record Elsewhere(HostCapacity Host) : VmRoute;

    /// <summary>Its host is known, and not reached.</summary>
    public sealed record Away(NodeName Host) : VmRoute;

    /// <param name="Why">Why it cannot be said that there is no such VM.</param>
    public sealed record Unclear(string Why) : VmRoute;
}

/// <summary>How a VM is found by its id. That there is no such VM is said by nobody who might be wrong: for its holder that is final.</summary>
public static class VmRoutes
{
    /// <param name="tag">What the VM's id begins with.</param>
    /// <param name="here">Whether this host has the VM; null: it cannot say.</param>
    /// <param name="owner">The member, or former member, whose VMs' ids begin so; null: none is known.</param>
    /// <param name="host">The same, if it is a member that is reached.</param>
    /// <param name="doubt">As <see cref="Doubt"/> has it.</param>
    public static VmRoute Decide(string tag, NodeName self, bool? here, NodeName? owner, HostCapacity? host, string doubt)
    {
        // A VM that was made before its host had its name has an id that says nothing, or something else.
        if (tag == self.Tag || here == true) return VmRoute.Here.Instance;
        if (host is not null) return new VmRoute.Elsewhere(host);
        if (owner is { } away) return new VmRoute.Away(away);
        return doubt.Length > 0 && here is not null ? new VmRoute.Unclear(doubt) : VmRoute.Here.Instance;
    }

    /// <summary>Why a VM whose host is not known may be on another host; empty: this node knows all hosts, and none has it.</summary>
    /// <param name="inside">This node is a member, and sees itself as one.</param>
    /// <param name="standing">Why it is not.</param>
    public static string Doubt(bool inside, string standing, IEnumerable<(NodeName? Name, string Address, bool Reachable)> members)
    {
        if (!inside) return standing.Length > 0 ? $"this node is in no cluster now ({standing})" : "this node is in no cluster now";
        var unclear = members.Where(m => m.Name is null || !m.Reachable).Select(m => m.Name is { } name ? $"{name} is not reached" : $"the node at {m.Address} has not said its name").ToList();
        return string.Join("; ", unclear);
    }
}
