using VmCacheCluster.Client;
using VmCacheCluster.Contracts.V1;
using VmCacheCluster.Tests.TestSupport;

namespace VmCacheCluster.Tests.EndToEnd.Support;

/// <summary>Hosts in network namespaces of their own, each with directories and a daemon of its own, that form one cluster over TLS.</summary>
internal sealed class ClusterHouse : IAsyncDisposable
{
    private static readonly TimeSpan Ask = Eventually.Patience;

    private readonly DirectoryInfo _certificates;
    private readonly PrivateAuthority _authority;
    private readonly House[] _houses;
    private readonly DaemonProcess?[] _daemons;
    private readonly Func<House, int, string> _settings;

    /// <param name="settings">Lines inside of vmcache { } for a host.</param>
    /// <param name="patience">With each daemon; null: as usual.</param>
    public ClusterHouse(int hosts, Func<House, int, string> settings, TimeSpan? patience = null)
    {
        Net = new Network(hosts);
        _certificates = Directory.CreateTempSubdirectory("vmt-");
        _authority = new PrivateAuthority(_certificates.FullName);
        _settings = settings;
        _houses = [.. Enumerable.Range(0, hosts).Select(i => new House { Namespace = Net.Namespace(i), Patience = patience ?? Eventually.Patience })];
        _daemons = new DaemonProcess?[hosts];
    }

    public Network Net { get; }

    public int Count => _houses.Length;

    public string CertificateDirectory => _certificates.FullName;

    /// <summary>The file with the authority that all daemons trust.</summary>
    public string Authority => _authority.Certificate;

    public House HouseOf(int host) => _houses[host];

    public DaemonProcess this[int host] => _daemons[host]!;

    public static string Name(int host) => $"n{host}";

    /// <summary>All hosts are members, and warm.</summary>
    public async Task StartAsync()
    {
        Start(0, "--bootstrap");
        for (var i = 1; i < Count; i++) Start(i);
        for (var i = 0; i < Count; i++) await WholeAsync(i);
    }

    /// <summary>Starts a host's daemon.</summary>
    public DaemonProcess Start(int host, params string[] flags) => StartWith(host, _authority, flags);

    /// <summary>Starts it with a certificate that another authority has signed.</summary>
    public DaemonProcess StartWith(int host, PrivateAuthority authority, params string[] flags)
    {
        var files = authority.Sign(Name(host));
        var seeds = string.Join(", ", Enumerable.Range(0, Count).Where(i => i != host).Select(i => $"{Network.Address(i)}:4750"));
        return _daemons[host] = _houses[host].Start(
            $$"""
            {{_settings(_houses[host], host)}}
            cluster {
              enabled = on
              node-name = {{Name(host)}}
              advertise = "{{Network.Address(host)}}"
              seeds = "{{seeds}}"
              labels = "place=p{{host}}"
              tls {
                certificate = "{{files.Certificate}}"
                key = "{{files.Key}}"
                ca = "{{authority.Certificate}}"
              }
            }
            """, flags);
    }

    /// <summary>This host's node sees all of them up, and each pool at its target.</summary>
    public Task<ClusterStatus> WholeAsync(int host) => SeesAsync(
        host,
        c => c.Hosts.Count == Count && c.Hosts.All(h => h.State == HostState.Up && h.Pools.Count > 0 && h.Pools.All(p => p.Warm == p.Target)),
        "it sees all hosts up and warm");

    /// <summary>This host's node sees all of them up.</summary>
    public Task<ClusterStatus> UpAsync(int host)
        => SeesAsync(host, c => c.Hosts.Count == Count && c.Hosts.All(h => h.State == HostState.Up && h.Pools.Count > 0), "it sees all hosts up");

    public async Task<ClusterStatus> SeesAsync(int host, Func<ClusterStatus, bool> condition, string what)
    {
        ClusterStatus? last = null;
        await this[host].ReadyAsync();
        await Eventually.Async(
            async () => condition(last = await this[host].Client.GetClusterAsync(Ask)),
            $"{Name(host)}: {what}",
            () => $"{last}\n{string.Concat(_daemons.Select((daemon, i) => $"--- {Name(i)}:\n{daemon?.Log}\n"))}");
        return last!;
    }

    /// <summary>A client of a host's socket.</summary>
    public VmCacheClient Client(int host) => this[host].Client;

    public async ValueTask DisposeAsync()
    {
        try
        {
            foreach (var house in _houses) await house.DisposeAsync();
        }
        finally
        {
            Net.Dispose();
            _authority.Dispose();
            _certificates.Delete(recursive: true);
        }
    }
}
