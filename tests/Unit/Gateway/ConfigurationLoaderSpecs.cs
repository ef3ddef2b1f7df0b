using VmCacheCluster.Domain;
using VmCacheCluster.Gateway.Configuration;
using Xunit;

namespace VmCacheCluster.Tests.Unit.Gateway;

public sealed class ConfigurationLoaderSpecs : IDisposable
{
    private static readonly HostFacts Host = new(8, 16384, "/opt/guest", "/nonexistent/vmcache.conf");
    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("vmcache-config");

    public void Dispose() => _directory.Delete(true);

    [Fact]
    public void Gives_the_defaults_when_nothing_is_set()
    {
        var options = Options(ConfigurationLoader.Load(new CommandLineValues(), Environment(), Host));
        var pool = Assert.Single(options.Pools);
        Assert.Equal(new ConnectionLimits(1024, 256), options.Connections);
        Assert.Equal(
            ("/run/vmcache/cache.sock", "/run/vmcache/client", 4), (options.Endpoint, options.ClientDirectory, options.BootParallelism));
        Assert.Equal((2, 256, 10, 16384, 1, 8), (
            pool.VmCacheNumber, pool.Spec.MemoryMiB, pool.Spec.MemorySlots, pool.Spec.MaxMemoryMiB, pool.Spec.Cpus, pool.Spec.MaxCpus));
        Assert.Equal(("/opt/guest/vmlinuz", "/opt/guest/initrd.img"), (pool.Spec.Kernel, pool.Spec.Initrd));
        Assert.Equal(
            (TimeSpan.FromSeconds(30), TimeSpan.FromHours(24), TimeSpan.FromSeconds(60)),
            (pool.GracePeriod, pool.MaxAge, pool.BootTimeout));
        Assert.Equal(new LeaseLimits(TimeSpan.FromMinutes(10), TimeSpan.FromHours(24)), pool.Lease);
    }

    [Theory]
    [InlineData("", 819, 0.1)]
    [InlineData("memory-reserve = 2GiB, memory-pressure = off", 2048, null)]
    [InlineData("memory-reserve = \"25 %\", memory-pressure = \"2.5%\"", 4096, 0.025)]
    [InlineData("memory-reserve = 0MiB, memory-pressure = \"0%\"", 0, 0.0)]
    public void Reads_how_much_memory_is_left_to_the_host(string text, int mebibytes, double? pressure)
        => Assert.Equal(new MemoryLimits((long)mebibytes << 20, pressure), Options(Load($"vmcache {{ {text} }}")).Memory);

    [Fact]
    public void Reads_how_kvm_is_proved()
    {
        Assert.Equal(ProofOptions.Default, Options(Load("")).Proof);
        Assert.Equal(
            new ProofOptions(new ProofLimits(TimeSpan.FromSeconds(8), TimeSpan.FromSeconds(60)), TimeSpan.FromMinutes(1), TimeSpan.FromHours(6)),
            Options(Load("vmcache { kvm-proof { kernel-limit = 8s, agent-limit = 1m, retry { initial = 1m, max = 6h } } }")).Proof);
    }

    [Fact]
    public void Lets_a_pool_have_lease_times_of_its_own()
    {
        var options = Options(Load("vmcache { lease-ttl = 2m, max-lease-ttl = 1h, pools { a { lease-ttl = 30s }\n b { max-lease-ttl = 3m } } }"));

        Assert.Equal(
            [("a", 30, 3600), ("b", 120, 180), ("default", 120, 3600)],
            options.Pools.Select(p => (p.Name.Value, (int)p.Lease.Ttl.TotalSeconds, (int)p.Lease.Most.TotalSeconds)).Order());
    }

    [Fact]
    public void Prefers_flag_then_environment_then_file_then_default_when_all_are_set()
    {
        var weak = Write("vmcache { endpoint = /file.sock, run-dir = /file, pools.default.vm-cache-number = 3 }");
        var strong = Write("vmcache { endpoint = /other.sock, run-dir = /other, pools.default.vm-cache-number = 9 }");
        var environment = Environment(
            ("VMCACHE_CONFIG", weak), ("VMCACHE_ENDPOINT", "/env.sock"), ("VMCACHE_RUN_DIR", "/env"), ("VMCACHE_VM_CACHE_NUMBER", "4"));
        Assert.Equal(("/run/vmcache/cache.sock", "/run/vmcache", 2), Seen(new CommandLineValues(), Environment()));
        Assert.Equal(("/file.sock", "/file", 3), Seen(new CommandLineValues(), Environment(("VMCACHE_CONFIG", weak))));
        Assert.Equal(("/other.sock", "/other", 9), Seen(new CommandLineValues(strong), Environment(("VMCACHE_CONFIG", weak))));
        Assert.Equal(("/env.sock", "/env", 4), Seen(new CommandLineValues(), environment));
        Assert.Equal(("/flag.sock", "/flag", 5), Seen(new CommandLineValues(weak, "/flag.sock", "5", "/flag"), environment));
    }

    [Theory]
    [InlineData("vmcache { a {", "never closed")]
    [InlineData("vmcache { } }", "line 1, column 13")]
    [InlineData("vmcache {\n  endpoint = \"/x\n}", "line 2, column 14")]
    [InlineData("vmcache { pool-defaults { kernel-parameters = a=b } }", "not valid HOCON")]
    [InlineData("include \"x\"", "include is not supported")]
    [InlineData("vmcache { endpoint = ${nope} }", "nope")]
    [InlineData("vmcache { endpoit = /x }", "did you mean vmcache.endpoint?")]
    [InlineData("vmcach { }", "did you mean vmcache?")]
    [InlineData("vmcache = 5", "must be an object")]
    [InlineData("vmcache { pools = 5 }", "must be an object")]
    [InlineData("vmcache { pools { a { memroy = 1GiB } } }", "did you mean vmcache.pools.a.memory?")]
    [InlineData("vmcache { stop { quits = 1s } }", "did you mean vmcache.stop.quit?")]
    [InlineData("vmcache { template-max-size = big }", "or off")]
    [InlineData("vmcache { memory-reserve = some }", "neither a size in whole MiB nor a share")]
    [InlineData("vmcache { kvm-proof.kernel-limit = 30s }", "less than kvm-proof.kernel-limit (30s)")]
    [InlineData("vmcache { kvm-proof.retry.initial = 2h }", "less than kvm-proof.retry.initial (2h)")]
    [InlineData("vmcache { kvm-proof.agent-limit = soon }", "soon")]
    [InlineData("vmcache { memory-reserve = 20GiB }", "this host has 16384 MiB")]
    [InlineData("vmcache { memory-reserve = -1GiB }", "negative")]
    [InlineData("vmcache { memory-reserve = \"101%\" }", "neither a size in whole MiB nor a share")]
    [InlineData("vmcache { memory-pressure = 10 }", "give a share such as 10%, or off")]
    [InlineData("vmcache { pool-defaults { rollout { surge = 3 } } }", "give a share such as 25%")]
    [InlineData("vmcache { pool-defaults { rollout { surge = \"0%\" } } }", "with vmcache.pool-defaults.rollout.floor = 100% no VM could ever be replaced")]
    [InlineData("vmcache { pool-defaults { rollout { ceiling = 3 } } }", "there is no such key")]
    [InlineData("vmcache { endpoint = }", "no value")]
    [InlineData("vmcache { endpoint = [1] }", "not a single value")]
    [InlineData("vmcache { max-waiting = many }", "not a whole number")]
    [InlineData("vmcache { max-connections = 0 }", "below 1")]
    [InlineData("vmcache { max-network-connections = all }", "not a whole number")]
    [InlineData("vmcache { pool-defaults { vm-cache-number = -1 } }", "negative")]
    [InlineData("vmcache { pool-defaults { vm-cache-number = 65 } }", "give at most 64")]
    [InlineData("vmcache { pools { a { vm-cache-number = 40 }\n b { vm-cache-number = 40 } } }", "all pools' warm VMs need 20992 MiB")]
    [InlineData("vmcache { pool-defaults { memory = 20GiB, vm-cache-number = 0 } }", "more than this host's 16384 MiB")]
    [InlineData("vmcache { pool-defaults { memory = 32MiB } }", "below 64 MiB")]
    [InlineData("vmcache { pool-defaults { memory = 100MB } }", "whole MiB")]
    [InlineData("vmcache { pool-defaults { cpus = 4, max-cpus = 2 } }", "more than max-cpus (2)")]
    [InlineData("vmcache { pool-defaults { max-cpus = 241 } }", "above 240")]
    [InlineData("vmcache { pool-defaults { max-cpus = 100 } }", "absurd on a host of 8 cores")]
    [InlineData("vmcache { pool-defaults { max-memory = \"\" } }", "or auto")]
    [InlineData("vmcache { pool-defaults { memory-slots = 0, max-memory = 1GiB } }", "no slot")]
    [InlineData("vmcache { pool-defaults { memory-slots = 2, max-memory = 128MiB } }", "less than memory")]
    [InlineData("vmcache { pool-defaults { kernel = /k } }", "neither initrd nor image")]
    [InlineData("vmcache { pool-defaults { kernel = /k, initrd = /i, image = /m } }", "exactly one")]
    [InlineData("vmcache { pool-defaults { image = /m } }", "embedded guest brings its own")]
    [InlineData("vmcache { pool-defaults { kernel = k, initrd = /i } }", "not an absolute path")]
    [InlineData("vmcache { pool-defaults { kernel = \"/k,x\", initrd = /i } }", "contains a comma")]
    [InlineData("vmcache { pool-defaults { qemu = \"\" } }", "it is empty")]
    [InlineData("vmcache { pool-defaults { cpu-model = \"max -S\" } }", "contains the character ' '")]
    [InlineData("vmcache { pool-defaults { machine = microvm } }", "q35, pc")]
    [InlineData("vmcache { pool-defaults { refill = copy } }", "auto, clone, boot")]
    [InlineData("vmcache { pools { default { prime = off } } }", "would get clones with the same random numbers")]
    [InlineData("vmcache { pools { a { endpoint = /x.sock }\n b { endpoint = /x.sock } } }", "a and b have one endpoint")]
    [InlineData("vmcache { pools { a { endpoint = /run/vmcache/cache.sock } } }", "default and a have one endpoint")]
    [InlineData("vmcache { pools { default { endpoint = /x.sock } } }", "set vmcache.endpoint")]
    [InlineData("vmcache { pools { Bad_Name { } } }", "not a pool's name")]
    [InlineData("vmcache { endpoint = /tmp }", "it is a directory")]
    [InlineData("vmcache { grace-period = 0s }", "not more than zero")]
    [InlineData("vmcache { grace-period = 30 }", "not a time with a unit")]
    [InlineData("vmcache { lease-ttl = 0.5s }", "give at least 1 s")]
    [InlineData("vmcache { lease-ttl = 2h, max-lease-ttl = 1h }", "less than vmcache.lease-ttl (2h)")]
    [InlineData("vmcache { pools { a { lease-ttl = 25h } } }", "less than vmcache.pools.a.lease-ttl (25h)")]
    [InlineData("vmcache { lease-ttl = 600 }", "not a time with a unit")]
    [InlineData("vmcache { pool-defaults { max-lease-ttl = never } }", "not a time")]
    [InlineData("vmcache { backoff { initial = 5s, max = 2s } }", "less than backoff.initial")]
    [InlineData("vmcache { backoff { jitter = 2 } }", "from 0 to 1")]
    public void Names_the_fault_when_the_file_has_one(string text, string expected)
    {
        var faults = Load(text).Faults;
        Assert.Contains(expected, ConfigurationReport.Format(faults));
        Assert.Single(faults);
    }

    [Theory]
    [InlineData("endpoint", 0)]
    [InlineData("run-dir", 56)]
    [InlineData("client-dir", 50)]
    public void Refuses_a_path_when_its_sockets_would_be_too_long(string key, int overhead)
    {
        var fits = "/" + new string('a', 106 - overhead);
        var client = key == "run-dir" ? ", client-dir = /c" : "";
        Assert.Empty(Load($"vmcache {{ {key} = {fits}{client} }}").Faults);
        Assert.Contains("108 bytes", Assert.Single(Load($"vmcache {{ {key} = {fits}a{client} }}").Faults).Reason);
    }

    [Fact]
    public void Names_all_faults_with_their_sources_when_there_are_several()
    {
        var file = Write("vmcache { pool-defaults { cpus = x }\n pools { a { memory = 1 } }\n grace-period = -1s }");
        var faults = ConfigurationLoader.Load(
            new CommandLineValues(file, VmCacheNumber: "-3"), Environment(("VMCACHE_RUN_DIR", "rel")), Host).Faults;
        Assert.Equal(
            [
                "vmcache.grace-period file " + file, "vmcache.pool-defaults.cpus file " + file, "vmcache.pools.a.memory file " + file,
                "vmcache.pools.default.vm-cache-number flag --vm-cache-number", "vmcache.run-dir variable VMCACHE_RUN_DIR",
            ],
            faults.Select(f => $"{f.Key} {f.Source}").Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Names_the_file_when_it_is_missing_or_a_directory()
    {
        Assert.Contains("no such file", ConfigurationReport.Format(
            ConfigurationLoader.Load(new CommandLineValues("/nonexistent/x.conf"), Environment(), Host).Faults));
        Assert.Contains("is a directory", ConfigurationReport.Format(
            ConfigurationLoader.Load(new CommandLineValues(_directory.FullName), Environment(), Host).Faults));
    }

    [Fact]
    public void Reads_every_key_of_the_reference_when_it_loads()
    {
        // A key with a list for its value is a fault exactly when somebody reads the key.
        foreach (var key in ReferenceKeys())
            Assert.Contains(Load($"vmcache.cluster.enabled = on\nvmcache.gateway.listen = \"127.0.0.1:4800\"\n{key} = [1]").Faults, f => f.Key == key && f.Reason == "it is not a single value");
    }

    [Fact]
    public void Allows_an_empty_pool_and_no_age_when_asked_to()
    {
        var pool = Assert.Single(Options(Load("vmcache { max-age = off, pool-defaults { vm-cache-number = 0 } }")).Pools);
        Assert.Equal((0, null), (pool.VmCacheNumber, pool.MaxAge));
    }

    [Theory]
    [InlineData("memory = 1GiB", 65536, 65536)]
    [InlineData("memory-slots = 0", 65536, 256)]
    [InlineData("max-memory = 512MiB", 65536, 512)]
    [InlineData("memory = 256MiB", 1 << 20, 256 * 1024)]
    public void Lets_memory_grow_to_what_the_host_has_unless_told_otherwise(string pool, int host, int most)
    {
        var file = Write($"vmcache {{ pool-defaults {{ {pool} }} }}");
        var options = Options(ConfigurationLoader.Load(new CommandLineValues(file), Environment(), Host with { MemoryMiB = host }));
        Assert.Equal(most, Assert.Single(options.Pools).Spec.MaxMemoryMiB);
    }

    [Fact]
    public void Accepts_the_example_when_it_is_loaded()
    {
        var root = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(root.FullName, "VmCacheCluster.sln"))) root = root.Parent!;
        var options = Options(Load(File.ReadAllText(Path.Combine(root.FullName, "hocon", "example.conf"))));
        Assert.Equal(["default", "runner"], options.Pools.Select(p => p.Name.Value));
        Assert.Equal("/var/lib/vmcache/runner/rootfs.img", options.Pools[1].Spec.Image);
        Assert.Equal((1024, 2, TimeSpan.FromHours(1)), (
            options.Pools[1].Spec.MaxMemoryMiB, options.Pools[1].Spec.MemorySlots, options.Pools[1].MaxAge!.Value));
    }

    private static List<string> ReferenceKeys()
    {
        using var stream = typeof(ConfigurationLoader).Assembly.GetManifestResourceStream("reference.conf")!;
        var root = Akka.Configuration.ConfigurationFactory.ParseString(new StreamReader(stream).ReadToEnd());
        var keys = root.AsEnumerable().SelectMany(pair => Leaves(pair.Key, pair.Value)).ToList();
        Assert.True(keys.Count > 30);
        return keys;
    }

    private static IEnumerable<string> Leaves(string path, Akka.Configuration.Hocon.HoconValue value) => value.IsObject()
        ? value.GetObject().Items.SelectMany(item => Leaves($"{path}.{item.Key}", item.Value))
        : [path];

    private static Dictionary<string, string> Environment(params (string Name, string Value)[] variables) =>
        variables.ToDictionary(v => v.Name, v => v.Value);

    private static (string, string, int) Seen(CommandLineValues flags, Dictionary<string, string> environment)
    {
        var options = Options(ConfigurationLoader.Load(flags, environment, Host));
        return (options.Endpoint, options.RunDirectory, options.Pools[0].VmCacheNumber);
    }

    private static NodeOptions Options(ConfigurationResult result)
    {
        Assert.True(result.Options is not null, ConfigurationReport.Format(result.Faults));
        return result.Options!;
    }

    private ConfigurationResult Load(string text) => ConfigurationLoader.Load(new CommandLineValues(Write(text)), Environment(), Host);

    private string Write(string text)
    {
        var path = Path.Combine(_directory.FullName, Guid.NewGuid() + ".conf");
        File.WriteAllText(path, text);
        return path;
    }
}
