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
