using VmCacheCluster.Domain;
using VmCacheCluster.Gateway.Configuration;
using VmCacheCluster.Gateway.Pools;

namespace VmCacheCluster.Tests.Unit.Gateway;

public class PoolFileReaderSpecs
{
    [Theory]
    [InlineData("vmcache.pools { web { memory = 1GiB, rollout { surge = \"50%\" } } }")]
    [InlineData("pools.web { rollout.surge = \"50%\", memory = \"1GiB\" } # the same")]
    [InlineData("vmcache { pools { web { kernel = null, \"memory\" : \"1GiB\"\n rollout = { surge : \"50%\" } } } }")]
    public void Writes_what_means_the_same_in_the_same_way(string text)
    {
        var faults = new List<ConfigurationFault>();

        var pools = PoolFileReader.Read(text, faults);

        Assert.Empty(faults);
        Assert.Equal("memory = \"1GiB\"\nrollout.surge = \"50%\"\n", Assert.Single(pools).Value);
    }

    [Fact]
    public void Keeps_quotes_and_backslashes_as_they_are()
    {
        var text = PoolFileReader.Read("pools { a { kernel-parameters = \"a=\\\"b\\\\c\\\"\" } }", [])[new PoolName("a")];
        var again = PoolFileReader.Read($"pools.a {{ {text} }}", [])[new PoolName("a")];

        Assert.Equal(text, again);
        Assert.Contains("a=\\\"b\\\\c\\\"", text);
    }

    [Theory]
    [InlineData("pools { a { total = 12 } }", 12)]
    [InlineData("pools { a { vm-cache-number = 12 } }", null)]
    public void Tells_how_many_all_hosts_keep_warm_together(string text, int? total)
        => Assert.Equal(total, PoolFileReader.TotalOf(new PoolDefinition(new PoolName("a"), 1, PoolFileReader.Read(text, [])[new PoolName("a")])));

    [Theory]
    [InlineData("pools { a { memory = ${HOME} } }", "line 1, column 22")]
    [InlineData("pools {\n  a { memory = [$] } }", "line 2, column 17")]
    public void Names_the_place_of_what_cannot_be_read(string text, string place)
    {
        var faults = new List<ConfigurationFault>();

        Assert.Empty(PoolFileReader.Read(text, faults));

        Assert.Contains(place, Assert.Single(faults).Reason);
    }

    [Fact]
    public void Refuses_more_pools_than_a_host_makes()
    {
        var faults = new List<ConfigurationFault>();

        Assert.Empty(PoolFileReader.Read(string.Concat(Enumerable.Range(0, 257).Select(i => $"pools.p{i} {{ }}\n")), faults));

        Assert.Contains("there are 257 pools, of at most 256", Assert.Single(faults).Reason);
    }

    /// <summary>A member of another version, or a file on the disk.</summary>
    [Fact]
    public void Is_a_fault_of_its_own_when_what_was_applied_elsewhere_cannot_be_read()
    {
        var source = new PoolSource(applied => ConfigurationLoader.Load(
            new CommandLineValues(), new Dictionary<string, string>(), new HostFacts(8, 16384, "/guest", "/none"), applied: applied));
        var broken = new PoolDefinition(new PoolName("web"), 1, "memory = ${a}\na = [$]");

        var fault = Assert.Single(source.Load([(broken, 0)]).Faults);

        Assert.Equal("pools.web", fault.Key);
        Assert.Contains("line 1, column 10", fault.Reason);
        Assert.Null(PoolFileReader.TotalOf(broken));
    }

    /// <summary>A host's sockets are made at its start alone.</summary>
    [Fact]
    public void Is_a_fault_of_its_own_when_what_was_applied_elsewhere_has_what_belongs_to_a_host()
    {
        var source = new PoolSource(applied => ConfigurationLoader.Load(
            new CommandLineValues(), new Dictionary<string, string>(), new HostFacts(8, 16384, "/guest", "/none"), applied: applied));

        var fault = Assert.Single(source.Load([(new PoolDefinition(new PoolName("web"), 1, "endpoint = /run/web.sock"), 0)]).Faults);

        Assert.Equal(("pools.web.endpoint", "it belongs to a host"), (fault.Key, fault.Reason));
    }

    [Fact]
    public async Task Gives_a_host_its_share_and_its_own_file_the_last_word()
    {
        var directory = Directory.CreateTempSubdirectory("vmp");
        try
        {
            var file = Path.Combine(directory.FullName, "vmcache.conf");
            await File.WriteAllTextAsync(file, "vmcache { pools { own { memory = 96MiB } }\n pool-defaults { memory = 64MiB, vm-cache-number = 1 } }");
            var source = new PoolSource(applied => ConfigurationLoader.Load(
                new CommandLineValues { Config = file }, new Dictionary<string, string>(), new HostFacts(8, 16384, "/guest", "/none"), applied: applied));
            PoolDefinition Of(string name, string text, bool deleted = false) => new(new PoolName(name), 1, text, deleted);

            var options = source.Load([
                (Of("own", "memory = \"128MiB\"\nvm-cache-number = \"2\"\n"), 0), (Of("web", "memory = \"256MiB\"\ntotal = \"30\"\n"), 7), (Of("gone", "", deleted: true), 0),
            ]).Options!;

            Assert.Equal(
                [("default", 64, 1), ("own", 96, 2), ("web", 256, 7)],
                options.Pools.Select(p => (p.Name.Value, p.Spec.MemoryMiB, p.VmCacheNumber)).OrderBy(p => p.Value));
        }
        finally
        {
            directory.Delete(recursive: true);
        }
    }

    [Fact]
    public async Task Is_kept_on_disk_as_it_is()
    {
        var directory = Directory.CreateTempSubdirectory("vmp");
        try
        {
            var (a, b) = (new PoolDefinition(new PoolName("a"), 5, "memory = \"64MiB\"\n"), new PoolDefinition(new PoolName("b"), 6, "", Deleted: true));
            var catalog = PoolCatalog.Empty.Merge([a, b]).Reach(a.Name).Merge([a with { Version = 9, Text = "memory = \"1MiB\"\n" }])
                .Undo(a.Name, "it does not boot").Share(new Dictionary<PoolName, int> { [a.Name] = 3 });
            var file = new PoolsFile(Path.Combine(directory.FullName, "state"));
            Assert.Same(PoolCatalog.Empty, file.Read());

            await file.WriteAsync(catalog, CancellationToken.None);

            Assert.Equal(catalog.Pools.Values.OrderBy(p => p.Wanted.Name.Value), file.Read().Pools.Values.OrderBy(p => p.Wanted.Name.Value));
            await File.WriteAllTextAsync(Path.Combine(directory.FullName, "state", "pools.json"), "{ \"version\": 2, \"pools\": [] }");
            Assert.Throws<IOException>(() => file.Read());
            await File.WriteAllTextAsync(Path.Combine(directory.FullName, "state", "pools.json"), "{ \"version\": 1, \"pools\": [{ \"name\": \"../x\" }] }");
            Assert.Throws<IOException>(() => file.Read());
        }
        finally
        {
            directory.Delete(recursive: true);
        }
    }
}
