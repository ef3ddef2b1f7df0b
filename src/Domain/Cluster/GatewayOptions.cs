namespace VmCacheCluster.Domain;

/// <summary>What a caller over the network may do; each holds those before it.</summary>
public enum Right
{
    /// <summary>See VMs, pools, hosts.</summary>
    Observe,
    /// <summary>Hold VMs.</summary>
    Acquire,
    /// <summary>Change hosts and pools.</summary>
    Operate,
}

/// <summary>vmcache.v1 for callers on other machines.</summary>
public sealed record GatewayOptions
{
    public required NodeAddress Listen { get; init; }

    /// <summary>Where callers reach it.</summary>
    public required NodeAddress Advertise { get; init; }

    public required TlsFiles Tls { get; init; }

    /// <summary>Who may do what: names of certificates, "*" for every one that is trusted, a "*" at the end for all that begin so.</summary>
    public required IReadOnlyDictionary<Right, IReadOnlyList<string>> Rights { get; init; }

    /// <param name="names">All names that the caller's certificate, which is trusted, gives it; there may be none.</param>
    public bool Allows(Right right, IReadOnlyCollection<string> names)
        => Rights.Any(granted => granted.Key >= right && granted.Value.Any(pattern => pattern == "*" || names.Any(name => Fits(pattern, name))));

    private static bool Fits(string pattern, string name)
        => pattern.EndsWith('*') ? name.StartsWith(pattern[..^1], StringComparison.Ordinal) : name == pattern;
}
