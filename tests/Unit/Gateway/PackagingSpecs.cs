using VmCacheCluster.Domain;
using VmCacheCluster.Gateway.Configuration;
using VmCacheCluster.Tests.TestSupport;
using Xunit;

namespace VmCacheCluster.Tests.Unit.Gateway;

/// <summary>The configurations that are shipped for operators, and what is shipped around them.</summary>
public sealed class PackagingSpecs : IDisposable
{
    private const string Pod = "packaging/kubernetes/vmcache.conf";

    private static readonly HostFacts Host = new(8, 16384, "/opt/guest", "/nonexistent/vmcache.conf") { Name = "host", Address = "10.1.2.3" };

    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("vmc-pack");

    public void Dispose() => _directory.Delete(true);

    [Theory]
    [InlineData("hocon/example.conf")]
    [InlineData("packaging/hosts/vmcache.conf")]
    [InlineData(Pod)]
    public void Is_read_without_a_fault(string file) => _ = Options(file);

    [Fact]
    public void Lets_every_host_find_the_others_by_one_file()
    {
        var cluster = Options("packaging/hosts/vmcache.conf").Cluster!;

        Assert.Contains(cluster.Seeds, s => s.Where == cluster.Advertise.ToString());
        Assert.Equal(3, cluster.Seeds.Count);
        Assert.NotNull(cluster.Tls);
    }

    [Fact]
    public void Gives_a_pod_its_nodes_name_and_address_and_the_services_name_as_its_seed()
    {
        var cluster = Options(Pod, new() { ["VMCACHE_NODE_NAME"] = "worker-1.example", ["VMCACHE_ADVERTISE"] = "10.9.9.9" }).Cluster!;
        var service = Text("packaging/kubernetes/service.yaml");

        Assert.Equal(("worker-1.example", "10.9.9.9"), (cluster.Node.Value, cluster.Advertise.Host));
        Assert.Equal([new Seed(SeedKind.Dns, $"{Value(service, "name")}.{Value(service, "namespace")}.svc:{cluster.Listen.Port}")], cluster.Seeds);
        Assert.Contains("publishNotReadyAddresses: true", service, StringComparison.Ordinal);
    }

    [Fact]
    public void Keeps_what_the_hosts_qemu_needs_on_paths_that_pod_and_host_share()
    {
        var options = Options(Pod);
        var pool = Assert.Single(options.Pools).Spec;
        var shared = Text("packaging/kubernetes/daemonset.yaml").Split('\n')
            .Where(l => l.Contains("  path: /", StringComparison.Ordinal)).Select(l => l.Split("path: ")[1].Trim()).ToList();

        Assert.Equal(["/run/vmcache", "/var/lib/vmcache"], shared);
        Assert.All(
            [options.RunDirectory, options.ClientDirectory, options.TemplateDirectory, options.StateDirectory, pool.Kernel, pool.Initrd!],
            path => Assert.Contains(shared, s => path == s || path.StartsWith(s + "/", StringComparison.Ordinal)));
        Assert.Contains($"mv {pool.Qemu}.next {pool.Qemu}", Text("packaging/kubernetes/entrypoint.sh"), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("packaging/nftables/vmcache.nft")]
    [InlineData("packaging/kubernetes/service.yaml")]
    [InlineData("packaging/kubernetes/daemonset.yaml")]
    [InlineData("docs/deployment.md")]
    public void Names_the_ports_that_nodes_listen_on(string file)
    {
        var cluster = Options(Pod).Cluster!;

        Assert.All([cluster.Listen.Port, cluster.PeerPort], port => Assert.Contains($"{port}", Text(file), StringComparison.Ordinal));
    }

    [Fact]
    public void Lets_systemd_wait_longer_for_the_daemon_than_it_takes_and_end_it_alone()
    {
        var unit = Text("packaging/systemd/vmcached.service");
        var seconds = int.Parse(unit.Split("TimeoutStopSec=")[1].Split('s')[0], System.Globalization.CultureInfo.InvariantCulture);

        Assert.True(TimeSpan.FromSeconds(seconds) > VmCacheCluster.Gateway.NodeLifetime.StopTimeout(Options(Pod)) + TimeSpan.FromSeconds(5));
        Assert.Contains("\nKillMode=process\n", unit, StringComparison.Ordinal);
        Assert.Contains("\nRuntimeDirectoryPreserve=yes\n", unit, StringComparison.Ordinal);
    }

    [Fact]
    public void Keeps_capabilities_only_for_a_reason_and_has_no_mount_namespace()
    {
        var lines = Text("packaging/systemd/vmcached.service").Split('\n');
        var kept = lines.Where(l => l.StartsWith("CapabilityBoundingSet=", StringComparison.Ordinal)).SelectMany(l => l.Split('=')[1].Split(' ')).ToList();
        var told = lines.Where(l => l.StartsWith("#   ", StringComparison.Ordinal) && l.Contains(": ", StringComparison.Ordinal))
            .SelectMany(l => l[4..].Split(": ")[0].Split(' ')).Select(name => "CAP_" + name).ToList();

        Assert.NotEmpty(kept);
        Assert.Equal(told.Order(StringComparer.Ordinal), kept.Order(StringComparer.Ordinal));
        // What systemd.exec(5) says of mount namespaces.
        string[] mounting =
        [
            "ProtectSystem", "ProtectHome", "ProtectKernelModules", "ProtectKernelLogs", "ProtectKernelTunables", "ProtectControlGroups", "ProtectProc", "ProcSubset",
            "PrivateTmp", "PrivateDevices", "PrivateMounts", "PrivateUsers", "ReadOnlyPaths", "ReadWritePaths", "InaccessiblePaths", "NoExecPaths", "BindPaths",
            "BindReadOnlyPaths", "TemporaryFileSystem", "RootDirectory", "RootImage", "MountFlags", "MountAPIVFS", "LogNamespace", "DynamicUser", "PrivateIPC",
        ];
        Assert.DoesNotContain(lines, line => mounting.Any(m => line.StartsWith(m + "=", StringComparison.Ordinal)));
    }

    /// <summary>The files of certificates are each host's own: here they are some.</summary>
    private NodeOptions Options(string file, Dictionary<string, string>? environment = null)
    {
        var text = Text(file);
        foreach (var name in new[] { "certificate", "key", "ca" })
        {
            var some = Path.Combine(_directory.FullName, name);
            File.WriteAllText(some, "");
            text = System.Text.RegularExpressions.Regex.Replace(text, $"""(?m)^(\s+{name} = )"/etc/vmcache/tls/[a-z]+\.[a-z]+"$""", $"$1\"{some}\"");
        }

        var config = Path.Combine(_directory.FullName, "vmcache.conf");
        File.WriteAllText(config, text);
        var result = ConfigurationLoader.Load(new CommandLineValues(config), environment ?? [], Host);
        Assert.True(result.Options is not null, ConfigurationReport.Format(result.Faults));
        return result.Options!;
    }

    private static string Text(string file) => File.ReadAllText(Path.Combine(Repository.Root, file));

    /// <summary>Of the first line with this key.</summary>
    private static string Value(string yaml, string key) => yaml.Split('\n').First(l => l.TrimStart().StartsWith(key + ": ", StringComparison.Ordinal)).Split(": ")[1].Trim();
}
