using VmCacheCluster.Domain;
using VmCacheCluster.Kata.Files;

namespace VmCacheCluster.Gateway.Configuration;

/// <summary>Reads what a host has to do with others: its cluster, and callers on other machines.</summary>
internal sealed class NetworkReader(HostFacts host, ICollection<ConfigurationFault> faults)
{
    private const string AddressRemedy = "give ADDRESS:PORT, such as 0.0.0.0:4750; an IPv6 address stands in brackets";

    private const string NoIPv6 = "it is an IPv6 address, and the members of a cluster reach each other by IPv4 addresses or names alone";

    private const string IPv6Remedy = "give an IPv4 address, or a name that stands for one";

    private static readonly string[] Wildcards = ["0.0.0.0", "::", "*"];

    /// <returns>Null: it is in none.</returns>
    public ClusterOptions? Cluster(Section section, bool bootstrap)
    {
        if (!section.Choice("enabled", PoolReader.Switches).Value) return null;
        var listen = Address(section, "listen").Value!.Value;
        var advertise = Advertise(section, listen) ?? listen;
        if (advertise.IsIPv6)
        {
            // What is advertised comes from one of these, or is the host's own and only address.
            var (key, text) = section.Text("advertise", "").Value is { Length: > 0 } given ? ("advertise", given) : listen.IsIPv6 ? ("listen", $"{listen}") : ("advertise", advertise.Host);
            faults.Add(new ConfigurationFault($"vmcache.cluster.{key}", text, NoIPv6, section.Text(key, "").Source, IPv6Remedy));
        }

        var peerPort = section.Number("peer-port", 1, 65535);
        if (peerPort.Value == listen.Port) faults.Add(peerPort.Fault("it is the port of vmcache.cluster.listen too", "give another one"));
        var seeds = Seeds(section);
        return new ClusterOptions
        {
            Name = section.TextOf("name", c => char.IsAsciiLetterOrDigit(c) || c is '-' or '.' or '_', "use letters, digits, '-', '.' and '_'").Value,
            Node = NodeName(section),
            Listen = listen,
            Advertise = advertise,
            PeerPort = peerPort.Value,
            Seeds = seeds,
            Bootstrap = bootstrap,
            Labels = Labels(section),
            Tls = section.Choice("tls.enabled", PoolReader.Switches).Value ? Tls(section, "vmcache.cluster.tls.enabled = off trusts everybody who reaches the ports") : null,
            AcceptablePause = section.Time("acceptable-pause").Value!.Value,
            SplitStableAfter = section.Time("split-stable-after").Value!.Value,
            MaxClockSkew = section.Time("max-clock-skew").Value!.Value,
            Templates = Templates(section),
        };
    }

    private static TemplateSharing? Templates(Section section)
    {
        var sharing = new TemplateSharing(section.MiB("templates.rate", 1, "off").Value * 1024L * 1024, section.Time("templates.wait", "off").Value ?? TimeSpan.Zero);
        return section.Choice("templates.share", PoolReader.Switches).Value ? sharing : null;
    }

    /// <returns>Null: none is wanted.</returns>
    public GatewayOptions? Gateway(Section section, ClusterOptions? cluster)
    {
        if (Address(section, "listen", mayBeEmpty: true).Value is not { } listen) return null;
        var advertise = Advertise(section, listen, cluster?.Advertise.Host) ?? listen;
        return new GatewayOptions
        {
            Listen = listen,
            Advertise = advertise,
            Tls = Tls(section, "without certificates it cannot be known who calls"),
            Rights = new Dictionary<Right, IReadOnlyList<string>>
            {
                [Right.Observe] = List(section, "rights.observe"),
                [Right.Acquire] = List(section, "rights.acquire"),
                [Right.Operate] = List(section, "rights.operate"),
            },
        };
    }

    private static Setting<NodeAddress?> Address(Section section, string name, bool mayBeEmpty = false) => section.Read<NodeAddress?>(
        name,
        t => t.Length == 0 && mayBeEmpty ? (null, null)
            : NodeAddress.TryParse(t, out var address) ? (address, null)
            : (null, "it is no address with a port"),
        AddressRemedy);

    private NodeAddress? Advertise(Section section, NodeAddress listen, string? otherwise = null)
    {
        var given = section.Read<NodeAddress?>(
            "advertise",
            t => t.Length == 0 ? (null, null)
                : NodeAddress.TryParse(t, out var address) || NodeAddress.TryParse($"{t}:{listen.Port}", out address) || NodeAddress.TryParse($"[{t}]:{listen.Port}", out address)
                    ? Wildcards.Contains(address.Host) ? (null, "nobody can reach it there") : (address, null)
                    : (null, "it is no address"),
            "give the address by which the others reach this host, with or without a port");
        if (given.Value is not null) return given.Value;
        if (!Wildcards.Contains(listen.Host)) return listen;
        if ((otherwise ?? host.Address) is { } own) return listen with { Host = own };
        faults.Add(given.Fault("this host has no address but the loopback's", $"set it to the address by which the others reach this host"));
        return null;
    }

    private NodeName NodeName(Section section)
    {
        var given = section.Text("node-name", "give a name");
        var text = given.Value.Length > 0 ? given.Value : host.Name.ToLowerInvariant();
        if (!Domain.NodeName.TryParse(text, out var name))
            faults.Add(given.Fault(
                given.Value.Length > 0 ? "it is no node's name" : $"the host's name, \"{text}\", is no node's name",
                "use 1 to 63 of a-z, 0-9, \"-\" and \".\", beginning with a letter or digit"));
        return name;
    }

    private List<Seed> Seeds(Section section)
    {
        List<Seed> seeds = [];
        var given = section.Text("seeds", "give HOST:PORT, dns:NAME:PORT or file:/PATH, with commas between");
        foreach (var text in Parts(given.Value))
        {
            var seed = text.StartsWith("dns:", StringComparison.Ordinal) ? new Seed(SeedKind.Dns, text[4..])
                : text.StartsWith("file:", StringComparison.Ordinal) ? new Seed(SeedKind.File, text[5..])
                : new Seed(SeedKind.Address, text);
            var fault = seed.Kind == SeedKind.File ? seed.Where.StartsWith('/') ? null : "it is no absolute path"
                : !NodeAddress.TryParse(seed.Where, out var at) ? "it is no HOST:PORT" : at.IsIPv6 ? NoIPv6 : null;
            if (fault is null) seeds.Add(seed);
            else faults.Add(given.Fault($"\"{text}\": {fault}", "give HOST:PORT, dns:NAME:PORT or file:/PATH, with commas between"));
        }

        return seeds;
    }

    private Dictionary<string, string> Labels(Section section)
    {
        var labels = new Dictionary<string, string>();
        var given = section.Text("labels", "give KEY=VALUE, with commas between");
        foreach (var text in Parts(given.Value))
        {
            var at = text.IndexOf('=');
            if (at <= 0 || text.Length > 128) faults.Add(given.Fault($"\"{text}\" is no KEY=VALUE of up to 128 characters", "give KEY=VALUE, with commas between"));
            else if (!labels.TryAdd(text[..at].TrimEnd(), text[(at + 1)..].TrimStart())) faults.Add(given.Fault($"\"{text[..at]}\" is there twice", "give each key once"));
        }

        // All that a host tells of itself has to fit beside a thousand others'.
        if (labels.Count > 16) faults.Add(given.Fault("there are more than 16", "give fewer"));
        return labels;
    }

    private TlsFiles Tls(Section section, string otherwise)
    {
        string File(string name)
        {
            var path = section.Path(name);
            try
            {
                _ = RegularFile.Read(path.Value, VmCacheCluster.Gateway.Cluster.TlsIdentity.LargestFile);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                faults.Add(path.Fault($"it cannot be read: {e.Message}", $"name the PEM file; packaging/make-certificates.sh makes some for trying it out; {otherwise}"));
            }

            return path.Value;
        }

        return new TlsFiles(File("tls.certificate"), File("tls.key"), File("tls.ca"));
    }

    private static string[] List(Section section, string name) => Parts(section.Text(name, "give names, with commas between").Value);

    private static string[] Parts(string text) => text.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
}
