using System.Net;
using System.Net.Sockets;
using VmCacheCluster.Domain;
using VmCacheCluster.Domain.Ports;
using VmCacheCluster.Kata.Files;

namespace VmCacheCluster.Gateway.Cluster;

/// <summary>The cluster's actors on this host: its disk, its names, its network.</summary>
public sealed class ClusterHost(ClusterFile file, PeerProbe probe) : IClusterHost
{
    /// <summary>Of a file of seeds, in bytes.</summary>
    private const int LargestSeeds = 1 << 20;

    public Task<ClusterMemory?> RecallAsync(CancellationToken cancel) => file.ReadAsync(cancel);

    public Task RememberAsync(ClusterMemory memory, CancellationToken cancel) => file.WriteAsync(memory, cancel);

    public Task<string?> WhyDistrustedAsync(NodeAddress at, CancellationToken cancel) => probe.DistrustAsync(at, cancel);

    public Task<Silence> WhySilentAsync(NodeAddress at, CancellationToken cancel) => probe.WhyAsync(at, cancel);

    public async Task<SeedsResolved> ResolveAsync(IReadOnlyList<Seed> seeds, CancellationToken cancel)
    {
        List<NodeAddress> addresses = [];
        List<string> problems = [];
        foreach (var seed in seeds)
        {
            try
            {
                var found = (await ResolveAsync(seed, problems, cancel).ConfigureAwait(false)).ToLookup(a => a.IsIPv6);
                addresses.AddRange(found[false]);
                if (!found[false].Any() && found[true].Any())
                    problems.Add($"the seed {seed} has IPv6 addresses alone ({string.Join(", ", found[true])}), and the members of a cluster reach each other by IPv4");
            }
            catch (Exception e) when (e is SocketException or IOException or UnauthorizedAccessException or ArgumentException)
            {
                problems.Add($"the seed {seed} cannot be resolved: {e.Message}");
            }
        }

        return new SeedsResolved([.. addresses.Distinct()], problems);
    }

    private static async Task<IEnumerable<NodeAddress>> ResolveAsync(Seed seed, List<string> problems, CancellationToken cancel)
    {
        if (seed.Kind == SeedKind.File)
        {
            List<NodeAddress> listed = [];
            foreach (var line in (await Task.Run(() => RegularFile.ReadText(seed.Where, LargestSeeds), cancel).ConfigureAwait(false)).Split('\n').Select(l => l.Trim()).Where(l => l.Length > 0 && l[0] != '#'))
            {
                if (NodeAddress.TryParse(line, out var address)) listed.Add(address);
                else problems.Add($"{seed.Where}: \"{line}\" is no HOST:PORT");
            }

            return listed;
        }

        _ = NodeAddress.TryParse(seed.Where, out var at);
        if (IPAddress.TryParse(at.Host, out _)) return [at];
        var found = (await Dns.GetHostAddressesAsync(at.Host, cancel).ConfigureAwait(false)).Select(a => at with { Host = a.ToString() });
        // A node answers to the one address that it is known by: its name, or its number.
        return seed.Kind == SeedKind.Dns ? found : found.Prepend(at);
    }
}
