using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using VmCacheCluster.Contracts.V1;
using VmCacheCluster.Domain;
using HostState = VmCacheCluster.Contracts.V1.HostState;

namespace VmCacheCluster.Benchmarks.Rig;

/// <summary>Daemons of one cluster on the loopback interface, with fake QEMU.</summary>
public sealed class ClusterUnderTest : IAsyncDisposable
{
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(2);

    private readonly string _dist;
    private readonly string? _certificates;
    private readonly List<DaemonUnderTest> _daemons = [];

    private ClusterUnderTest(string dist, string? certificates) => (_dist, _certificates) = (dist, certificates);

    public DaemonUnderTest this[int index] => _daemons[index];

    /// <summary>Where each serves the cluster, and the other nodes.</summary>
    public List<(NodeAddress Cluster, NodeAddress Peer)> At { get; } = [];

    /// <param name="certificates">Where certificates and the authority are; null: without TLS.</param>
    /// <param name="warm">How many VMs each keeps warm.</param>
    public static async Task<ClusterUnderTest> StartAsync(string dist, string? certificates, params int[] warm)
    {
        var cluster = new ClusterUnderTest(dist, certificates);
        foreach (var number in warm) await cluster.AddAsync(number);
        foreach (var daemon in cluster._daemons) await cluster.SeesAsync(daemon, c => c.Hosts.Count == warm.Length && c.Hosts.All(h => h.State == HostState.Up && h.Pools.All(p => p.Warm == p.Target)));
        return cluster;
    }

    public static NodeAddress FreeAddress()
    {
        using var probe = new TcpListener(IPAddress.Loopback, 0);
        probe.Start();
        return new NodeAddress("127.0.0.1", ((IPEndPoint)probe.LocalEndpoint).Port);
    }

    /// <summary>An authority and the certificate "node", by packaging/make-certificates.sh.</summary>
    public static async Task<string> CertificatesAsync(string dist)
    {
        var directory = Directory.CreateTempSubdirectory("vmcbench").FullName;
        using var made = Process.Start(Path.Combine(dist, "..", "packaging", "make-certificates.sh"), [directory, "node"]);
        await made.WaitForExitAsync();
        return made.ExitCode == 0 ? directory : throw new InvalidOperationException("no certificates could be made");
    }

    public async Task SeesAsync(DaemonUnderTest daemon, Func<ClusterStatus, bool> condition)
    {
        var clock = Stopwatch.StartNew();
        while (true)
        {
            try
            {
                if (condition(await daemon.Client.GetClusterAsync(TimeSpan.FromSeconds(10)))) return;
            }
            catch (Client.VmCacheException) when (clock.Elapsed < Limit)
            {
            }

            if (clock.Elapsed > Limit) throw new TimeoutException($"not within {Limit}: {await daemon.Client.GetClusterAsync(TimeSpan.FromSeconds(10))}");
            await Task.Delay(50);
        }
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var daemon in _daemons) await daemon.DisposeAsync();
        if (_certificates is not null) Directory.Delete(_certificates, recursive: true);
    }

    private async Task AddAsync(int warm)
    {
        var (at, peer) = (FreeAddress(), FreeAddress());
        At.Add((at, peer));
        var tls = _certificates is null ? "tls.enabled = off"
            : $"tls {{ certificate = \"{_certificates}/node.crt\"\n key = \"{_certificates}/node.key\"\n ca = \"{_certificates}/ca.crt\" }}";
        var daemon = await DaemonUnderTest.StartAsync(
            $$"""
            state-dir = "{0}/state"
            pool-defaults { vm-cache-number = {{warm}}
             qemu = "{{_dist}}/test/fake-qemu"
             kernel = "{0}/kernel"
             initrd = "{0}/initrd"
             memory = 64MiB
             accelerator = tcg }
            cluster {
              enabled = on
              node-name = d{{_daemons.Count}}
              listen = "{{at}}"
              advertise = "{{at}}"
              peer-port = {{peer.Port}}
              seeds = "{{(_daemons.Count == 0 ? "" : At[0].Cluster)}}"
              {{tls}}
            }
            """,
            [Path.Combine(_dist, "vmcached"), "--config", "{0}/vmcache.conf", .. _daemons.Count == 0 ? ["--bootstrap"] : Array.Empty<string>()]);
        _daemons.Add(daemon);
    }
}
