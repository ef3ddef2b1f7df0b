using System.Text;
using VmCacheCluster.Domain;
using VmCacheCluster.Gateway.Configuration;
using VmCacheCluster.Gateway.Pools;
using VmCacheCluster.Gateway.Services;
using VmCacheCluster.Kata;
using VmCacheCluster.Tests.TestSupport;
using VmCacheCluster.Tests.Unit.Kata.Configuration;
using Xunit;

namespace VmCacheCluster.Tests.Unit.Gateway;

/// <summary>Kata's configuration as a pool's.</summary>
public sealed class KataConfigSpecs : IDisposable
{
    private const string Minimal = """
        [hypervisor.qemu]
        path = "/opt/kata/bin/qemu"
        kernel = "/opt/kata/share/vmlinuz"
        initrd = "/opt/kata/share/initrd"
        shared_fs = "none"
        default_vcpus = 2
        default_memory = 512
        [agent.kata]
        [factory]
        vm_cache_number = 3
        vm_cache_endpoint = "/run/kata.sock"
        """;

    private static readonly HostFacts Host = new(8, 1 << 20, "/opt/guest", "/nonexistent/vmcache.conf");
    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("vmcache-kata");

    public void Dispose() => _directory.Delete(true);

    public static TheoryData<string> Valid => VectorSpecs.Valid;

    [SkippableTheory]
    [MemberData(nameof(Valid))]
    public void Serves_exactly_the_config_of_every_vector(string name)
    {
        var loaded = ConfigurationLoader.Load(
            new CommandLineValues(KataConfig: VectorHost.File, KataVersion: "3.5"), new Dictionary<string, string>(), Host, VectorHost.Of(name));

        Assert.Empty(loaded.Faults);
        var served = new KataConfigs(loaded.Options!, new HostPools(loaded.Options!.Pools, loaded.Kata)).Of(PoolName.Default);
        Assert.Equal(Encoding.UTF8.GetString(Vectors.Read($"vectors/{name}/data.json")).TrimEnd('\n'), served.Data.ToStringUtf8());
        Assert.Equal(Encoding.UTF8.GetString(Vectors.Read($"vectors/{name}/agent.json")).TrimEnd('\n'), served.AgentConfig.ToStringUtf8());
    }

    [Fact]
    public void Makes_the_default_pool_of_the_file()
    {
        var loaded = Load(Minimal);

        var pool = Assert.Single(loaded.Options!.Pools);
        Assert.Equal((3, "/run/kata.sock", RefillChoice.Boot), (pool.VmCacheNumber, pool.Endpoint, pool.Refill));
        Assert.Equal(("/opt/kata/bin/qemu", "/opt/kata/share/vmlinuz", "/opt/kata/share/initrd", 2, 512),
            (pool.Spec.Qemu, pool.Spec.Kernel, pool.Spec.Initrd, pool.Spec.Cpus, pool.Spec.MemoryMiB));
        Assert.Equal(("/run/vmcache/cache.sock", "/run/vc/vm", "/run/vmcache/templates"), (loaded.Options.Endpoint, loaded.Options.ClientDirectory, loaded.Options.TemplateDirectory));
        Assert.Equal(AgentTransport.Vsock, pool.Spec.Kata!.Transport);
        var config = loaded.Kata[PoolName.Default].Vm.HypervisorConfig;
        Assert.Equal(("/run/vc/vm", "/run/vc/sbs"), (config.VMStorePath, config.RunStorePath));
        Assert.Empty(loaded.Warnings);
    }

    [Fact]
    public void Clones_where_the_file_has_templates_and_keeps_them_where_it_says()
    {
        var loaded = Load(Minimal + "\nenable_template = true\ntemplate_path = \"/run/kata/template\"");

        Assert.Equal((RefillChoice.Clone, "/run/kata/template"), (Assert.Single(loaded.Options!.Pools).Refill, loaded.Options.TemplateDirectory));
    }

    [Fact]
    public void Boots_what_cannot_be_cloned_and_says_why()
    {
        var loaded = Load(Minimal.Replace("shared_fs = \"none\"", "shared_fs = \"virtio-fs\"\nvirtio_fs_daemon = \"/opt/kata/libexec/virtiofsd\"", StringComparison.Ordinal) + "\nenable_template = true");

        Assert.Equal(RefillChoice.Boot, Assert.Single(loaded.Options!.Pools).Refill);
        Assert.Contains("virtio-fs", Assert.Single(loaded.Warnings).Text, StringComparison.Ordinal);
    }

    [Fact]
    public void Lets_vmcache_conf_and_flags_have_the_last_word_on_the_pool_and_not_on_its_vms()
    {
        var loaded = Load(Minimal, "vmcache { client-dir = /c, template-dir = /t, pools.default { vm-cache-number = 5, refill = auto } }");
        Assert.Empty(loaded.Faults);
        Assert.Equal((5, RefillChoice.Auto, "/c", "/t"), (loaded.Options!.Pools[0].VmCacheNumber, loaded.Options.Pools[0].Refill, loaded.Options.ClientDirectory, loaded.Options.TemplateDirectory));
        Assert.Equal(7, Load(Minimal, "", number: "7").Options!.Pools[0].VmCacheNumber);

        var fault = Assert.Single(Load(Minimal, "vmcache { pools.default { memory = 1GiB } }").Faults);
        Assert.Equal("vmcache.pools.default.memory", fault.Key);
        Assert.Contains("are those of", fault.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public void Lets_a_second_pool_have_a_file_of_its_own()
    {
        var loaded = Load(Minimal, "vmcache { pools { second { kata-config = \"/opt/kata/etc/kata-containers/second.toml\" } } }",
            second: Minimal.Replace("/run/kata.sock", "/run/second.sock", StringComparison.Ordinal));

        Assert.Equal([("default", "/run/kata.sock"), ("second", "/run/second.sock")], loaded.Options!.Pools.Select(p => (p.Name.Value, p.Endpoint!)).Order());
        Assert.Equal(2, loaded.Kata.Count);
    }

    [Fact]
    public void Tells_every_fault_of_both_files_at_once()
    {
        var faults = Load(Minimal.Replace("shared_fs = \"none\"", "shared_fs = \"smb\"\nblock_device_driver = \"floppy\"", StringComparison.Ordinal), "vmcache { run-dir = relative }").Faults;

        Assert.Equal(["hypervisor.qemu.block_device_driver", "hypervisor.qemu.shared_fs", "vmcache.run-dir"], faults.Select(f => f.Key).Order());
        Assert.All(faults, f => Assert.NotEmpty(f.Remedy));
    }

    [Fact]
    public void Names_a_fault_as_it_is_called_in_the_file_where_it_stands()
    {
        var fault = Assert.Single(Load(Minimal.Replace("vm_cache_number = 3", "vm_cache_number = 9000", StringComparison.Ordinal)).Faults);

        Assert.Equal(("factory.vm_cache_number", "9000"), (fault.Key, fault.Value));
        Assert.Contains(VectorHost.File, fault.Source, StringComparison.Ordinal);
    }

    [Fact]
    public void Warns_of_a_cache_that_is_switched_off_and_of_what_cannot_be_made()
    {
        var warnings = Load(Minimal.Replace("vm_cache_number = 3", "", StringComparison.Ordinal).Replace("[agent.kata]", "confidential_guest = true\n[agent.kata]", StringComparison.Ordinal)).Warnings;

        Assert.Contains(warnings, w => w.Text.Contains("vm_cache_number is 0", StringComparison.Ordinal));
        Assert.Contains(warnings, w => w.Text.Contains("confidential_guest", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("", AgentTransport.Vsock)]
    [InlineData("agent-transport = vsock", AgentTransport.Vsock)]
    [InlineData("agent-transport = virtio-serial", AgentTransport.VirtioSerial)]
    [InlineData("agent-transport = serial", AgentTransport.VirtioSerial)]
    // Asked for in words, and then by what this host has.
    [InlineData("agent-transport = auto", AgentTransport.VirtioSerial)]
    public void Reaches_agents_as_kata_does_unless_it_is_told_otherwise(string setting, AgentTransport expected)
        => Assert.Equal(expected, Assert.Single(Load(Minimal, $"vmcache.pools.default {{ {setting} }}").Options!.Pools).Spec.Kata!.Transport);

    [Theory]
    [InlineData("kata-version = 2.0", "kata-version")]
    [InlineData("agent-transport = carrier-pigeon", "agent-transport")]
    [InlineData("kata-config = relative.toml", "kata-config")]
    public void Refuses_what_is_no_choice(string setting, string key)
        => Assert.Contains(Load(Minimal, $"vmcache {{ pools.default {{ {setting} }} }}", flag: false).Faults, f => f.Key == $"vmcache.pools.default.{key}");

    private ConfigurationResult Load(string toml, string conf = "", string? second = null, string? number = null, bool flag = true)
    {
        var host = VectorHost.With(toml);
        if (second is not null) host.And("/opt/kata/etc/kata-containers/second.toml", Encoding.UTF8.GetBytes(second));
        var file = Path.Combine(_directory.FullName, "vmcache.conf");
        File.WriteAllText(file, conf);
        return ConfigurationLoader.Load(
            new CommandLineValues(file, VmCacheNumber: number, KataConfig: flag ? VectorHost.File : null), new Dictionary<string, string>(), Host, host);
    }
}
