namespace VmCacheCluster.Domain;

/// <summary>How to find members of the cluster.</summary>
public enum SeedKind
{
    /// <summary>A host name or address, and a port.</summary>
    Address,
    /// <summary>A DNS name that stands for many addresses, resolved anew at every try.</summary>
    Dns,
    /// <summary>A file with one HOST:PORT a line, read anew at every try.</summary>
    File,
}

/// <param name="Where">HOST:PORT, NAME:PORT or an absolute path, as <paramref name="Kind"/> says.</param>
public sealed record Seed(SeedKind Kind, string Where)
{
    public override string ToString() => Kind switch { SeedKind.Dns => $"dns:{Where}", SeedKind.File => $"file:{Where}", _ => Where };
}

/// <summary>PEM files with which a node proves who it is, and knows its peers.</summary>
/// <param name="Certificate">The node's certificate, and those between it and the authority.</param>
/// <param name="Key">Its private key, unencrypted.</param>
/// <param name="Authority">Whoever has a certificate signed by one of these is trusted.</param>
public sealed record TlsFiles(string Certificate, string Key, string Authority);

/// <summary>A host's part in a cluster as configured, checked and complete.</summary>
public sealed record ClusterOptions
{
    /// <summary>Nodes of another name are refused.</summary>
    public required string Name { get; init; }

    /// <summary>This host's name in it.</summary>
    public required NodeName Node { get; init; }

    /// <summary>What it listens on; its host may be a wildcard.</summary>
    public required NodeAddress Listen { get; init; }

    /// <summary>Where the others reach it.</summary>
    public required NodeAddress Advertise { get; init; }

    /// <summary>The TCP port, on the same addresses, at which it serves the other nodes with VMs.</summary>
    public required int PeerPort { get; init; }

    public NodeAddress Peer => Advertise with { Port = PeerPort };

    public required IReadOnlyList<Seed> Seeds { get; init; }

    /// <summary>There is a cluster of others that it is to come into.</summary>
    public bool ExpectsOthers => !Bootstrap && Seeds.Any(s => s.Kind != SeedKind.Address || s.Where != Advertise.ToString());

    /// <summary>Forms the cluster when this node never was in one and no seed is.</summary>
    public bool Bootstrap { get; init; }

    /// <summary>Null: everybody is trusted and nothing is encrypted.</summary>
    public TlsFiles? Tls { get; init; }

    /// <summary>Affinity labels of this host.</summary>
    public IReadOnlyDictionary<string, string> Labels { get; init; } = new Dictionary<string, string>();

    /// <summary>How long a split lasts until the smaller side leaves.</summary>
    public required TimeSpan SplitStableAfter { get; init; }

    /// <summary>How long a node may be silent until it counts as unreachable.</summary>
    public required TimeSpan AcceptablePause { get; init; }

    /// <summary>Clocks that differ by more are told of.</summary>
    public required TimeSpan MaxClockSkew { get; init; }

    /// <summary>How templates go from host to host; null: they do not.</summary>
    public TemplateSharing? Templates { get; init; }
}
