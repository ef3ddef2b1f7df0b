using System.Text;
using VmCacheCluster.Kata;
using VmCacheCluster.Kata.Configuration;
using Xunit;

namespace VmCacheCluster.Tests.Unit.Kata.Configuration;

/// <summary>What Kata's reader refuses or takes though a lenient one would not.</summary>
public sealed class StrictReadingSpecs
{
    private const string DropIn = "/opt/kata/etc/kata-containers/config.d/10-some.toml";
    private const string Share = "/opt/kata/share/kata-containers";

    private const string Minimal = $"""
        [hypervisor.qemu]
        path = "/opt/kata/bin/qemu-system-x86_64"
        kernel = "{Share}/vmlinux.container"
        initrd = "{Share}/kata-containers-initrd.img"
        shared_fs = "none"

        """;

    [Theory]
    [InlineData("kernel_params = \"=\\\"x\"")]
    [InlineData("kernel_params = \"a=b =c\"")]
    [InlineData("kernel_params = \"=\"")]
    public void Refuses_a_kernel_parameter_without_a_name(string line)
    {
        var fault = Refused(Minimal + line);

        Assert.Equal(("Empty kernel parameter", "hypervisor.qemu.kernel_params", 6), (fault.Text, fault.Key, fault.Line));
        Assert.NotEmpty(fault.Remedy);
    }

    [Theory]
    [InlineData("default_memory = 300\ndefault_memory = 400", 7, "default_memory")]
    [InlineData("[factory]\n[runtime]\n[factory]", 8, "factory")]
    [InlineData("[hypervisor.qemu]\ndefault_memory = 300", 6, "hypervisor.qemu")]
    [InlineData("[hypervisor]\nqemu = { default_memory = 300 }", 7, "hypervisor.qemu")]
    [InlineData("[factory]\nx.y = 1\nx = { z = 2 }", 8, "factory.x")]
    [InlineData("[factory]\nx.y = 1\nx = [{ z = 2 }]", 8, "factory.x")]
    [InlineData("memory_slots.x = 1\nmemory_slots = 1", -1, "memory_slots")]
    public void Refuses_a_key_or_table_that_stands_there_twice(string lines, int line, string key)
    {
        if (line < 0)
        {
            // Kata's decoder keeps the table, which then is no number.
            Assert.Contains("destination has type integer", Refused(Minimal + lines).Text, StringComparison.Ordinal);
            return;
        }

        var fault = Refused(Minimal + lines);

        Assert.StartsWith($"toml: line {line} ", fault.Text, StringComparison.Ordinal);
        Assert.Contains("has already been defined", fault.Text, StringComparison.Ordinal);
        Assert.Contains(key, fault.Text, StringComparison.Ordinal);
        Assert.Equal(line, fault.Line);
    }

    [Theory]
    [InlineData("image = \"/opt/kata/directory\"", "image")]
    [InlineData("initrd = \"/opt/kata/directory\"", "initrd")]
    public void Refuses_a_directory_in_the_place_of_a_file(string line, string key)
    {
        var fault = Refused(Minimal.Replace($"initrd = \"{Share}/kata-containers-initrd.img\"", line, StringComparison.Ordinal));

        Assert.Equal(($"\"/opt/kata/directory\" is no file", $"hypervisor.qemu.{key}"), (fault.Text, fault.Key));
    }

    [Fact]
    public void Refuses_drop_ins_that_cannot_be_read()
    {
        var directory = Directory.CreateTempSubdirectory("vmkata");
        try
        {
            var file = Path.Combine(directory.FullName, "configuration.toml");
            File.WriteAllText(file, "[hypervisor.qemu]\npath = \"/bin/sh\"\nkernel = \"/bin/sh\"\ninitrd = \"/bin/sh\"\nshared_fs = \"none\"\n");
            var dropIns = Path.Combine(directory.FullName, "config.d");
            File.WriteAllText(dropIns, "");

            var fault = Assert.Single(new KataConfigurationReader(new LinuxKataHost(), agentOverVsock: false).Read(file).Faults);

            Assert.Equal((dropIns, $"error reading \"{dropIns}\" directory: it is no directory"), (fault.File, fault.Text));
        }
        finally
        {
            directory.Delete(true);
        }
    }

    /// <summary>Each key carries the name of its table: with long ones a small file would take gigabytes.</summary>
    [Theory]
    [InlineData("[{0}]")]
    [InlineData("[hypervisor.{0}]")]
    [InlineData("{0} = 1")]
    public void Refuses_a_key_that_is_too_long(string line)
    {
        var fault = Refused(Minimal + string.Format(System.Globalization.CultureInfo.InvariantCulture, line, new string('a', 500_000)));

        Assert.Equal("toml: line 6: a key of more than 1000 characters", fault.Text);
    }

    [Fact]
    public void Tells_of_many_unknown_keys_in_few_warnings()
    {
        var warnings = Taken(Minimal + string.Join('\n', Enumerable.Range(0, 5000).Select(i => $"unknown{i} = 1"))).Warnings;

        Assert.Equal(101, warnings.Count(w => w.Contains("ignore", StringComparison.Ordinal)));
    }

    [Fact]
    public void Names_the_drop_in_that_has_a_table_of_another_hypervisor()
    {
        var faults = Read(VectorHost.With(Minimal).And(DropIn, "[hypervisor.xen]\npath = \"/x\""u8.ToArray())).Faults;

        Assert.Equal([(DropIn, 1)], faults.Select(f => (f.File, f.Line)));
    }

    [Fact]
    public void Takes_keys_and_tables_in_any_case()
    {
        var toml = Minimal.Replace("[hypervisor.", "[Hypervisor.", StringComparison.Ordinal);
        var vm = Taken(toml + "DEFAULT_MEMORY = 512\nMemory_Slots = 3\n[FACTORY]\nVM_Cache_Number = 2\n");

        Assert.Equal((512u, 3u, 2), (vm.Vm.HypervisorConfig.MemorySize, vm.Vm.HypervisorConfig.MemSlots, vm.Factory.VmCacheNumber));
    }

    [Theory]
    [InlineData("[hypervisor.clh]\ndefault_memory = \"x\"", "[hypervisor.qemu], [hypervisor.clh]")]
    [InlineData("[agent.kata]\n[agent.other]\ndial_timeout = \"x\"", "[agent.kata], [agent.other]")]
    public void Refuses_two_tables_of_which_one_is_used_and_looks_into_both(string lines, string tables)
    {
        var faults = Read(VectorHost.With(Minimal + lines)).Faults;

        Assert.Equal(2, faults.Count);
        Assert.Contains("TOML value has type string; destination has type integer", faults[0].Text, StringComparison.Ordinal);
        Assert.Equal($"there are {tables}, and it is left to chance which of them Kata uses", faults[1].Text);
    }

    [Theory]
    [InlineData("2026-01-01", true)]
    [InlineData("2026-01-01T10:00:00Z", true)]
    [InlineData("2026-01-01 10:00:00.5+01:00", true)]
    [InlineData("10:00:00", true)]
    [InlineData("1-2", false)]
    [InlineData("2026-02-30", false)]
    [InlineData("2026-01-01T", false)]
    [InlineData("25:00:00", false)]
    [InlineData("10:00:60", false)]
    [InlineData("0x1f", true)]
    [InlineData("0xG", false)]
    [InlineData("1__0", false)]
    [InlineData("01", false)]
    [InlineData("1.", false)]
    [InlineData("'''raw\nlines'''", true)]
    [InlineData("\"\"\"\"quoted\"\"\"\"", true)]
    [InlineData("\"\\ud800\"", false)]
    [InlineData("[1, \"a\", [], { x = 1 }]", true)]
    [InlineData("[1,, 2]", false)]
    [InlineData("True", false)]
    public void Knows_values_of_toml_also_of_keys_that_mean_nothing(string value, bool valid)
        => Assert.Equal(valid, Read(VectorHost.With($"{Minimal}nonsense = {value}\n")).Faults.Count == 0);

    [Theory]
    [InlineData("{ x = 1,\n  y = 2, }")]
    [InlineData("\"\\x41\\e\"")]
    [InlineData("10:00")]
    public void Knows_toml_1_1_for_clients_of_4_1_alone(string value)
    {
        var read = Read(VectorHost.With($"{Minimal}nonsense = {value}\n"));

        Assert.Equal((false, true), (read.Verdicts[0].Vm is not null, read.Verdicts[1].Vm is not null));
        Assert.Contains(read.Configuration!.Warnings, w => w.StartsWith("clients of Kata 3.5 refuse the file: Kata 3.5: ", StringComparison.Ordinal));
    }

    [Fact]
    public void Refuses_one_key_in_two_cases_since_chance_would_decide()
    {
        var fault = Refused(Minimal + "default_memory = 512\nDEFAULT_MEMORY = 300");

        Assert.StartsWith("hypervisor.qemu.default_memory and hypervisor.qemu.DEFAULT_MEMORY are one", fault.Text, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("[runtime]\nsandbox_cgroup_only = \"true\"", "TOML value has type string; destination has type boolean")]
    [InlineData("[runtime]\ncreate_container_timeout = 60.5", "TOML value has type float64; destination has type integer")]
    [InlineData("[runtime]\njaeger_user = 1", "TOML value has type int64; destination has type string")]
    [InlineData("[runtime]\nsandbox_bind_mounts = \"/x\"", "TOML value has type string; destination has type slice")]
    [InlineData("[hypervisor.qemu.kernel]\nx = 1", "")]
    [InlineData("jailer_path = 1", "TOML value has type int64; destination has type string")]
    [InlineData("net_rate_limiter_bw_max_rate = true", "TOML value has type bool; destination has type integer")]
    [InlineData("[agent.other]\ndial_timeout = \"45\"", "TOML value has type string; destination has type integer")]
    [InlineData("[factory]\nvm_cache_number = 2.0", "TOML value has type float64; destination has type integer")]
    [InlineData("[factory]\nenable_template = 2026-01-01", "TOML value has type datetime; destination has type boolean")]
    public void Refuses_values_of_another_type_in_every_table(string lines, string words)
    {
        var fault = Refused(Minimal + lines);

        Assert.Contains(words, fault.Text, StringComparison.Ordinal);
        Assert.StartsWith("toml: line ", fault.Text, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("default_vcpus = inf", "+Inf is out of range for float32")]
    [InlineData("default_vcpus = -inf", "-Inf is out of range for float32")]
    [InlineData("default_vcpus = nan", "unsupported value: NaN")]
    [InlineData("default_vcpus = 1e39", "is out of range for float32")]
    [InlineData("default_vcpus = 16777216", "16777216 is out of range for float32")]
    [InlineData("default_memory = -1", "-1 is out of range for uint32")]
    [InlineData("default_memory = 9223372036854775808", "9223372036854775808 is out of range for int64")]
    public void Refuses_numbers_that_no_vm_can_have(string line, string words)
    {
        var fault = Refused(Minimal + line);

        Assert.Contains(words, fault.Text, StringComparison.Ordinal);
        Assert.StartsWith("toml: line 6 (last key \"hypervisor.qemu.", fault.Text, StringComparison.Ordinal);
        Assert.DoesNotContain("Parameter", fault.Text, StringComparison.Ordinal);
        Assert.DoesNotContain("Tomlyn", fault.Text, StringComparison.Ordinal);
    }

    [Fact]
    public void Reads_numbers_below_zero_as_kata_reads_them_where_it_does_not_refuse_them()
    {
        var config = Taken(Minimal + "default_maxmemory = -1\nrx_rate_limiter_max_rate = -2\n[runtime]\ncreate_container_timeout = -1");

        var vm = config.Vm.HypervisorConfig;
        Assert.Equal((8192ul, ulong.MaxValue - 1), (vm.DefaultMaxMemorySize, vm.RxRateLimiterMaxRate));
        Assert.Contains(config.Warnings, w => w.EndsWith("line 6 is read as 18446744073709551615, as Kata reads it", StringComparison.Ordinal));
    }

    [Fact]
    public void Says_what_kata_makes_of_a_number_of_vms_below_zero()
        => Assert.Contains("18446744073709551615", Refused(Minimal + "[factory]\nvm_cache_number = -1").Text, StringComparison.Ordinal);

    [Theory]
    [InlineData("[hypervisor.clh]\nfoo = 1", "error applying key 'hypervisor.clh.foo'")]
    [InlineData("[hypervisor.qemu.foo]\nx = 1", "error applying key 'hypervisor.qemu.foo'")]
    [InlineData("[hypervisor.xen]\npath = \"/x\"", "configuration file contains invalid hypervisor section: \"xen\"")]
    [InlineData("[agent.other]\nfoo = 1", "error applying key 'agent.other.foo'")]
    [InlineData("[hypervisor.qemu]\nDEFAULT_MEMORY = 300", "error applying key 'hypervisor.qemu.DEFAULT_MEMORY'")]
    [InlineData("[hypervisor.qemu]\nmemory_slots = 1\nmemory_slots = 2", "has already been defined")]
    [InlineData("[runtime]\nenable_pprof = 1", "destination has type boolean")]
    [InlineData("[hypervisor.qemu]\nmemory_slots = 1\n[Hypervisor.qemu]\nmemory_slots = 2", "hypervisor.qemu and Hypervisor.qemu are one key for Kata")]
    public void Is_strict_in_drop_ins(string lines, string words)
    {
        var fault = Assert.Single(Read(VectorHost.With(Minimal).And(DropIn, Encoding.UTF8.GetBytes(lines))).Faults);

        Assert.Contains(words, fault.Text, StringComparison.Ordinal);
    }

    [Fact]
    public void Applies_a_table_of_a_drop_in_by_its_exact_name_alone()
    {
        var host = VectorHost.With(Minimal).And(DropIn, "[Hypervisor.qemu]\nmemory_slots = 3\n[Factory]\nVM_CACHE_NUMBER = 4\n"u8.ToArray());
        var config = Read(host).Configuration!;

        Assert.Equal((10u, 4), (config.Vm.HypervisorConfig.MemSlots, config.Factory.VmCacheNumber));
        Assert.Contains(config.Warnings, w => w.StartsWith("Hypervisor.qemu in file ", StringComparison.Ordinal));
    }

    [Fact]
    public void Warns_of_unknown_keys_in_every_table()
    {
        var warnings = Taken(Minimal + "[runtime]\nsandbox_cgroups_only = true\n[facotry]\nvm_cache_number = 2\n").Warnings;

        Assert.Contains(warnings, w => w.StartsWith("runtime.sandbox_cgroups_only ", StringComparison.Ordinal));
        Assert.Contains(warnings, w => w.StartsWith("facotry ", StringComparison.Ordinal));
    }

    /// <summary>The decoder of 2.5 is not that of later versions.</summary>
    [Theory]
    [InlineData("\uFEFF", "", false)]
    [InlineData("", "default_vcpus = 1.5", false)]
    [InlineData("", "default_vcpus = inf", false)]
    [InlineData("", "nonsense = 0x10", false)]
    [InlineData("", "nonsense.x = 1", false)]
    [InlineData("", "nonsense = [1, \"a\"]", false)]
    [InlineData("", "nonsense = 01", true)]
    [InlineData("", "nonsense = 1\rmemory_slots = 2", true)]
    [InlineData("", "kernel_params = 'a=\"b c\"'", true)]
    public void Reads_toml_as_2_5_does(string begin, string lines, bool taken)
    {
        var toml = begin + Minimal.Replace("\"none\"", "\"virtio-9p\"", StringComparison.Ordinal) + lines;
        var read = new KataConfigurationReader(VectorHost.With(toml), target: KataTarget.Kata25).Read(VectorHost.File);

        Assert.Equal(taken, read.Faults.Count == 0);
    }

    private static KataFault Refused(string toml) => Assert.Single(Read(VectorHost.With(toml)).Faults);

    private static KataConfiguration Taken(string toml)
    {
        var read = Read(VectorHost.With(toml));
        Assert.Empty(read.Faults);
        return read.Configuration!;
    }

    private static KataConfigurationResult Read(VectorHost host) => new KataConfigurationReader(host).Read(VectorHost.File);
}
