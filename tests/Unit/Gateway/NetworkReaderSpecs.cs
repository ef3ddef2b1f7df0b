using VmCacheCluster.Domain;
using VmCacheCluster.Gateway.Configuration;
using VmCacheCluster.Tests.TestSupport;
using Xunit;

namespace VmCacheCluster.Tests.Unit.Gateway;

/// <summary>The sections vmcache.cluster and vmcache.gateway.</summary>
public sealed class NetworkReaderSpecs : IDisposable
{
    private static readonly HostFacts Host = new(8, 16384, "/opt/guest", "/nonexistent/vmcache.conf") { Name = "Alpha", Address = "10.1.2.3" };
    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("vmc-net");

    public void Dispose() => _directory.Delete(true);

    [Fact]
    public void Is_alone_and_on_unix_sockets_alone_when_nothing_is_set()
    {
        var options = Load("").Options!;
        Assert.Null(options.Cluster);
        Assert.Null(options.Gateway);
    }

    [Fact]
    public void Names_and_advertises_itself_by_what_the_host_is()
    {
        var cluster = Cluster("tls.enabled = off");
        Assert.Equal(
            ("vmcache", "alpha", new NodeAddress("0.0.0.0", 4750), new NodeAddress("10.1.2.3", 4750), 4751),
            (cluster.Name, cluster.Node.Value, cluster.Listen, cluster.Advertise, cluster.PeerPort));
        Assert.Null(cluster.Tls);
        Assert.False(cluster.Bootstrap);
    }

    [Fact]
    public void Reads_seeds_and_labels()
    {
        var cluster = Cluster("tls.enabled = off, seeds = \"a:1, dns:nodes.local:4750,file:/srv/nodes\", labels = \"zone=a, disk = nvme\"");
        Assert.Equal([new Seed(SeedKind.Address, "a:1"), new Seed(SeedKind.Dns, "nodes.local:4750"), new Seed(SeedKind.File, "/srv/nodes")], cluster.Seeds);
        Assert.Equal([("disk", "nvme"), ("zone", "a")], cluster.Labels.Select(l => (l.Key, l.Value)).Order());
    }

    [Theory]
    [InlineData("advertise = \"fd00::1\"", "vmcache.cluster.advertise")]
    [InlineData("advertise = \"[fd00::1]:99\"", "vmcache.cluster.advertise")]
    [InlineData("listen = \"[fd00::1]:4750\"", "vmcache.cluster.listen")]
    [InlineData("seeds = \"a:1, [fd00::2]:4750\"", "vmcache.cluster.seeds")]
    [InlineData("seeds = \"dns:[fd00::2]:4750\"", "vmcache.cluster.seeds")]
    public void Refuses_ipv6_addresses_by_which_no_member_would_ever_join(string text, string key)
    {
        var fault = Assert.Single(Load($"vmcache.cluster {{ enabled = on, tls.enabled = off, {text} }}").Faults);

        Assert.Equal(key, fault.Key);
        Assert.Contains("IPv6", fault.Reason);
    }

    [Fact]
    public void Shares_templates_as_it_is_told()
    {
        Assert.Equal(new TemplateSharing(200L << 20, TimeSpan.FromSeconds(5)), Cluster("tls.enabled = off").Templates);
        Assert.Equal(new TemplateSharing(null, TimeSpan.Zero), Cluster("tls.enabled = off, templates { rate = off, wait = off }").Templates);
        Assert.Null(Cluster("tls.enabled = off, templates.share = off").Templates);
        Assert.Equal(
            ["vmcache.cluster.templates.rate", "vmcache.cluster.templates.share", "vmcache.cluster.templates.wait"],
            Load("vmcache.cluster { enabled = on, tls.enabled = off, templates { rate = 0, share = maybe, wait = 5 } }").Faults.Select(f => f.Key).Order());
    }

    [Fact]
    public void Expects_others_unless_it_founds_the_cluster_or_knows_of_none()
    {
        Assert.False(Cluster("tls.enabled = off").ExpectsOthers);
        Assert.False(Cluster("tls.enabled = off, seeds = \"10.1.2.3:4750\"").ExpectsOthers);
        Assert.True(Cluster("tls.enabled = off, seeds = \"10.1.2.3:4750, b:4750\"").ExpectsOthers);
        Assert.False(Load("vmcache.cluster { tls.enabled = off, seeds = \"b:4750\" }", new CommandLineValues { Bootstrap = true }).Options!.Cluster!.ExpectsOthers);
    }

    [Fact]
    public void Lets_flags_win_over_the_environment_and_that_over_the_file()
    {
        const string text = "vmcache.cluster { enabled = on, tls.enabled = off, seeds = \"file-says:1\", node-name = f }";
        Dictionary<string, string> environment = new() { ["VMCACHE_JOIN"] = "environment-says:1", ["VMCACHE_NODE_NAME"] = "e", ["VMCACHE_ADVERTISE"] = "10.9.9.9" };
        Assert.Equal("file-says:1", Load(text).Options!.Cluster!.Seeds.Single().Where);
        var fromEnvironment = Load(text, environment: environment).Options!.Cluster!;
        Assert.Equal(("environment-says:1", "e", "10.9.9.9"), (fromEnvironment.Seeds.Single().Where, fromEnvironment.Node.Value, fromEnvironment.Advertise.Host));
        Assert.Equal("flag-says:1", Load(text, new CommandLineValues { Join = "flag-says:1" }, environment).Options!.Cluster!.Seeds.Single().Where);
    }

    [Fact]
    public void Turns_the_cluster_on_by_a_flag()
    {
        const string text = "vmcache.cluster.tls.enabled = off";
        Assert.Single(Load(text, new CommandLineValues { Join = "a:1" }).Options!.Cluster!.Seeds);
        Assert.True(Load(text, new CommandLineValues { Bootstrap = true }).Options!.Cluster!.Bootstrap);
    }

    [Theory]
    [InlineData("listen = here", "vmcache.cluster.listen", "it is no address with a port")]
    [InlineData("peer-port = 4750", "vmcache.cluster.peer-port", "it is the port of vmcache.cluster.listen too")]
    [InlineData("peer-port = 70000", "vmcache.cluster.peer-port", "65535")]
    [InlineData("advertise = \"0.0.0.0\"", "vmcache.cluster.advertise", "nobody can reach it there")]
    [InlineData("node-name = \"a b\"", "vmcache.cluster.node-name", "it is no node's name")]
    [InlineData("name = \"a/b\"", "vmcache.cluster.name", "")]
    [InlineData("seeds = \"a\"", "vmcache.cluster.seeds", "\"a\": it is no HOST:PORT")]
    [InlineData("seeds = \"file:nodes\"", "vmcache.cluster.seeds", "it is no absolute path")]
    [InlineData("labels = \"zone\"", "vmcache.cluster.labels", "is no KEY=VALUE")]
    [InlineData("labels = \"a=1,a=2\"", "vmcache.cluster.labels", "\"a\" is there twice")]
    [InlineData("acceptable-pause = 0s", "vmcache.cluster.acceptable-pause", "")]
    public void Says_which_key_is_wrong(string text, string key, string reason)
        => Assert.Contains(reason, Assert.Single(Load($"vmcache.cluster {{ enabled = on, tls.enabled = off, {text} }}").Faults, f => f.Key == key).Reason, StringComparison.Ordinal);

    [Fact]
    public void Says_which_of_the_certificates_files_is_not_there()
    {
        using var authority = new PrivateAuthority(_directory.FullName);
        var files = authority.Sign("a");
        var faults = Load($"vmcache.cluster {{ enabled = on, tls {{ certificate = \"{files.Certificate}\", key = \"/nowhere.key\", ca = \"{files.Authority}\" }} }}").Faults;
        var fault = Assert.Single(faults);
        Assert.Equal("vmcache.cluster.tls.key", fault.Key);
        Assert.Contains("packaging/make-certificates.sh", ConfigurationReport.Format(faults), StringComparison.Ordinal);
    }

    [Fact]
    public void Wants_an_address_for_others_when_the_host_has_none()
        => Assert.Equal("vmcache.cluster.advertise", Assert.Single(
            ConfigurationLoader.Load(new CommandLineValues(Write("vmcache.cluster { enabled = on, tls.enabled = off }")), new Dictionary<string, string>(), Host with { Address = null }).Faults).Key);

    [Fact]
    public void Reads_who_may_do_what()
    {
        using var authority = new PrivateAuthority(_directory.FullName);
        var files = authority.Sign("gateway");
        var result = Load(
            $"vmcache.gateway {{ listen = \"0.0.0.0:4760\", tls {{ certificate = \"{files.Certificate}\", key = \"{files.Key}\", ca = \"{files.Authority}\" }}\n rights {{ acquire = \"ci-*, sched\", operate = ops }} }}");
        Assert.True(result.Options is not null, ConfigurationReport.Format(result.Faults));
        var gateway = result.Options!.Gateway!;
        Assert.Equal(new NodeAddress("10.1.2.3", 4760), gateway.Advertise);
        Assert.Equal(files, gateway.Tls);
        Assert.Equal(["*"], gateway.Rights[Right.Observe]);
        Assert.Equal(["ci-*", "sched"], gateway.Rights[Right.Acquire]);
        Assert.Equal(["ops"], gateway.Rights[Right.Operate]);
    }

    private ClusterOptions Cluster(string text)
    {
        var result = Load($"vmcache.cluster {{ enabled = on, {text} }}");
        Assert.True(result.Options is not null, ConfigurationReport.Format(result.Faults));
        return result.Options!.Cluster!;
    }

    private ConfigurationResult Load(string text, CommandLineValues? flags = null, Dictionary<string, string>? environment = null)
        => ConfigurationLoader.Load((flags ?? new CommandLineValues()) with { Config = Write(text) }, environment ?? [], Host);

    private string Write(string text)
    {
        var file = Path.Combine(_directory.FullName, "vmcache.conf");
        File.WriteAllText(file, text);
        return file;
    }
}
