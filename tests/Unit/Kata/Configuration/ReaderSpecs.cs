using System.Text;
using System.Text.Json;
using VmCacheCluster.Kata;
using VmCacheCluster.Kata.Configuration;
using Xunit;

namespace VmCacheCluster.Tests.Unit.Kata.Configuration;

/// <summary>The rules of Kata's loader, each by a case of its own.</summary>
public sealed class ReaderSpecs
{
    private const string Share = "/opt/kata/share/kata-containers";

    private const string Minimal = $"""
        [hypervisor.qemu]
        path = "/opt/kata/bin/qemu-system-x86_64"
        kernel = "{Share}/vmlinux.container"
        initrd = "{Share}/kata-containers-initrd.img"
        shared_fs = "none"

        """;

    [Fact]
    public void Fills_in_katas_defaults_and_those_of_the_host()
    {
        var config = Read(Minimal).Configuration!;

        var vm = config.Vm.HypervisorConfig;
        Assert.Equal((1f, 4u, 2048u, 8192ul, 1u, 10u), (vm.NumVCPUsF, vm.DefaultMaxVCPUs, vm.MemorySize, vm.DefaultMaxMemorySize, vm.DefaultBridges, vm.MemSlots));
        Assert.Equal(("q35", "virtio-scsi", "io_uring", "never"), (vm.HypervisorMachineType, vm.BlockDeviceDriver, vm.BlockDeviceAIO, vm.VirtioFSCache));
        Assert.Equal([new KataParam("scsi_mod.scan", "none")], vm.KernelParams);
        Assert.Equal((false, 0u), (config.Vm.AgentConfig.LongLiveConn, config.Vm.AgentConfig.DialTimeout));
        Assert.Equal(new KataFactorySettings(0, "/var/run/kata-containers/cache.sock", false, "/run/vc/vm/template"), config.Factory);
        Assert.Empty(config.Warnings);
    }

    [Theory]
    [InlineData("default_vcpus = -1", 4f, 4u)]
    [InlineData("default_vcpus = 9", 4f, 4u)]
    [InlineData("default_vcpus = 1.5", 1.5f, 4u)]
    [InlineData("default_vcpus = 2\ndefault_maxvcpus = 3", 2f, 3u)]
    [InlineData("default_maxvcpus = 400", 1f, 4u)]
    public void Keeps_vcpus_within_the_host(string lines, float vcpus, uint most)
    {
        var vm = Read(Minimal + lines).Configuration!.Vm.HypervisorConfig;

        Assert.Equal((vcpus, most), (vm.NumVCPUsF, vm.DefaultMaxVCPUs));
    }

    [Theory]
    [InlineData("default_memory = 255", 2048u)]
    [InlineData("default_memory = 256", 256u)]
    [InlineData("default_memory = 0", 2048u)]
    public void Takes_little_memory_for_the_default(string line, uint memory) =>
        Assert.Equal(memory, Read(Minimal + line).Configuration!.Vm.HypervisorConfig.MemorySize);

    [Fact]
    public void Puts_the_users_kernel_parameters_after_those_of_image_and_agent()
    {
        var toml = Minimal.Replace("initrd = ", "image = ", StringComparison.Ordinal)
            + "kernel_params = 'a=b=c \"quoted text\"=1  flag'\n[agent.kata]\nenable_debug = true\nenable_tracing = true\ndebug_console_enabled = true\n";

        Assert.Equal(
            "systemd.unit=kata-containers.target systemd.mask=systemd-networkd.service systemd.mask=systemd-networkd.socket scsi_mod.scan=none "
                + "agent.log=debug agent.trace=true agent.debug_console= agent.debug_console_vport=1026 a=b=c \"quoted text\"=1 flag=",
            string.Join(' ', Read(toml).Configuration!.Vm.HypervisorConfig.KernelParams!.Select(p => $"{p.Key}={p.Value}")));
    }

    [Fact]
    public void Lets_drop_ins_replace_single_keys_in_the_order_of_their_names()
    {
        var host = VectorHost.With(Minimal + "default_memory = 300\nmemory_slots = 3\n")
            .And("/opt/kata/etc/kata-containers/config.d/20-more.toml", "[hypervisor.qemu]\ndefault_memory = 700\n"u8.ToArray())
            .And("/opt/kata/etc/kata-containers/config.d/10-some.toml", "[hypervisor.qemu]\ndefault_memory = 500\n[factory]\nvm_cache_number = 2\n"u8.ToArray());

        var config = new KataConfigurationReader(host).Read(VectorHost.File).Configuration!;

        Assert.Equal((700u, 3u, 2), (config.Vm.HypervisorConfig.MemorySize, config.Vm.HypervisorConfig.MemSlots, config.Factory.VmCacheNumber));
    }

    [Fact]
    public void Names_the_drop_in_in_which_a_key_is_wrong()
    {
        const string dropIn = "/opt/kata/etc/kata-containers/config.d/10-some.toml";
        var host = VectorHost.With(Minimal).And(dropIn, "[hypervisor.qemu]\ndefault_memory = true\n"u8.ToArray());

        var fault = Assert.Single(new KataConfigurationReader(host).Read(VectorHost.File).Faults);

        Assert.Equal((dropIn, "hypervisor.qemu.default_memory", "true"), (fault.File, fault.Key, fault.Value));
        Assert.StartsWith($"error decoding file \"{dropIn}\": toml: ", fault.Text, StringComparison.Ordinal);
    }

    [Fact]
    public void Refuses_in_a_drop_in_a_key_that_it_would_ignore_in_the_file_itself()
    {
        const string dropIn = "/opt/kata/etc/kata-containers/config.d/10-some";
        var host = VectorHost.With(Minimal + "foo = 1\njailer_path = \"/x\"\n").And(dropIn, "[hypervisor.qemu]\nbar = 1\ndisable_seccomp = true\n[runtime]\nbaz = 1\n"u8.ToArray());

        var fault = Assert.Single(new KataConfigurationReader(host).Read(VectorHost.File).Faults);

        Assert.Equal(
            $"error applying key 'hypervisor.qemu.bar' from drop-in file \"{dropIn}\": error getting key \"bar\" from a decoded drop-in conf file: key \"bar\" not found",
            fault.Text);
    }

    [Theory]
    [InlineData("pcie_root_port = 40\nhypervisor_loglevel = 9\n", 16u, 3u)]
    [InlineData("pcie_root_port = 2\n", 2u, 1u)]
    public void Keeps_to_katas_limits(string lines, uint ports, uint level)
    {
        var vm = Read(Minimal + lines).Configuration!.Vm.HypervisorConfig;

        Assert.Equal((ports, level), (vm.PCIeRootPort, vm.HypervisorLoglevel));
    }

    [Fact]
    public void Tells_every_fault_at_once_with_key_value_and_remedy_in_katas_order()
    {
        var faults = Read("""
            [hypervisor.qemu]
            path = "/opt/kata/bin/none"
            kernel = "/opt/kata/share/kata-containers/nope.container"
            default_memory = "much"
            block_device_driver = "ide"
            shared_fs = "virtio-fs"
            [runtime]
            internetworking_model = "bridge"
            """, vsock: false).Faults;

        Assert.Equal(
            [
                "hypervisor.qemu.default_memory", "runtime.internetworking_model", "hypervisor.qemu.path", "hypervisor.qemu.kernel",
                "hypervisor.qemu.block_device_driver", "hypervisor.qemu.virtio_fs_daemon", "", "hypervisor.qemu.image",
            ],
            faults.Select(f => f.Key));
        Assert.All(faults, f => Assert.NotEqual("", f.Remedy));
        Assert.Equal("\"ide\"", faults[4].Value);
        Assert.EndsWith("use one of these", faults[4].ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void Needs_no_vsock_when_agents_are_reached_over_virtio_serial()
    {
        var host = VectorHost.With(Minimal, vsock: false);

        var fault = Assert.Single(new KataConfigurationReader(host).Read(VectorHost.File).Faults);
        Assert.Contains("host system doesn't support vsock", fault.Text, StringComparison.Ordinal);
        Assert.Contains("--agent-transport serial", fault.Remedy, StringComparison.Ordinal);
        Assert.Empty(new KataConfigurationReader(host, agentOverVsock: false).Read(VectorHost.File).Faults);
    }

    [Theory]
    [InlineData("[hypervisor.qemu", "toml: ")]
    [InlineData("", "there is no table [hypervisor.qemu]")]
    [InlineData("[hypervisor.clh]\n", "the configuration is for clh")]
    [InlineData("[hypervisor.clh]\n[factory]\nvm_cache_number = 1\n", "VM cache just support qemu")]
    [InlineData("[hypervisor.xen]\n", "configuration file contains invalid hypervisor section: \"xen\"")]
    public void Refuses_what_is_no_configuration_for_qemu(string toml, string words)
        => Assert.Contains(words, Read(toml).Faults[0].Text, StringComparison.Ordinal);

    [Theory]
    [InlineData("shared_fs = \"virtio-fs\"", "cannot enable virtio-fs without daemon path in configuration file")]
    [InlineData("shared_fs = \"nfs\"", "Invalid hypervisor shared file system nfs specified")]
    [InlineData("block_device_aio = \"aio\"", "Invalid hypervisor block storage I/O mechanism")]
    [InlineData("extra_monitor_socket = \"telnet\"", "Invalid hypervisor extra monitor socket telnet specified (supported values: [hmp qmp qmp-pretty])")]
    [InlineData("hot_plug_vfio = \"root-port\"\ncold_plug_vfio = \"root-port\"", "only one of them can be set")]
    [InlineData("cold_plug_vfio = \"odd\"", "invalid vfio_port=odd setting, allowed values no-port, bridge-port, root-port, switch-port")]
    [InlineData("hot_plug_vfio = \"odd\"", "invalid vfio_port=no-port setting")]
    [InlineData("default_bridges = -1", "-1 is out of range for uint32")]
    [InlineData("memory_slots = 4294967296", "4294967296 is out of range for uint32")]
    [InlineData("enable_iommu = \"yes\"", "TOML value has type string; destination has type boolean")]
    [InlineData("pflashes = [1]", "TOML value has type int64; destination has type string")]
    [InlineData("image = \"/opt/kata/share/kata-containers/kata-containers.img\"", "Image and initrd path cannot be both set")]
    public void Refuses_what_kata_refuses(string lines, string words)
    {
        var own = lines.Split('\n').Select(l => l.Split('=')[0]).ToList();
        var toml = string.Join('\n', Minimal.Split('\n').Where(l => !own.Contains(l.Split('=')[0]))) + lines;

        Assert.Contains(words, Assert.Single(Read(toml).Faults).Text, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("[factory]\nenable_template = true\n", "Factory option enable_template requires an initrd image")]
    [InlineData("[runtime]\nvfio_mode = \"foo\"\n", "Unknown VFIO mode foo")]
    [InlineData("[runtime]\ndisable_new_netns = true\n", "config disable_new_netns only works with 'none' internetworking_model")]
    [InlineData("[runtime]\nexperimental = [\"newstore\"]\n", "Unsupported experimental feature \"newstore\"")]
    [InlineData("[runtime]\nsandbox_bind_mounts = [\"/nowhere\"]\n", "sandbox-bindmounts: Failed to resolve path: /nowhere")]
    public void Refuses_what_does_not_go_together(string lines, string words)
        => Assert.Contains(
            words, Assert.Single(Read(Minimal.Replace("initrd = ", "image = ", StringComparison.Ordinal) + lines, target: KataTarget.Kata35).Faults).Text, StringComparison.Ordinal);

    [Fact]
    public void Warns_of_keys_that_nobody_knows()
    {
        var warning = Assert.Single(Read(Minimal + "default_memroy = 1\n").Configuration!.Warnings);

        Assert.Contains("hypervisor.qemu.default_memroy", warning, StringComparison.Ordinal);
    }

    [Fact]
    public void Refuses_a_file_that_is_not_utf8_or_too_large()
    {
        var broken = VectorHost.With("").And(VectorHost.File, [(byte)'#', 0xFF, 0xFE]);
        var huge = VectorHost.With("#" + new string('x', 2 * 1024 * 1024));

        Assert.Contains("not UTF-8", Assert.Single(new KataConfigurationReader(broken).Read(VectorHost.File).Faults).Text, StringComparison.Ordinal);
        Assert.Contains("more than 1048576 bytes", Assert.Single(new KataConfigurationReader(huge).Read(VectorHost.File).Faults).Text, StringComparison.Ordinal);
    }

    /// <summary>Deep enough to overflow the stack of a parser that follows it.</summary>
    [Theory]
    [InlineData("x = 1\ny = ", "[", 2, "more than 64 levels")]
    [InlineData("y = ", "{a=", 1, "more than 64 levels")]
    [InlineData("", "a.", 1, "more than 64 levels", "a = 1")]
    [InlineData("[", "a.", 1, "more than 64 levels", "a]\nb = 1")]
    [InlineData("[[", "a.", 1, "more than 64 levels", "a]]\nb = 1")]
    [InlineData("y = [1,\n2", " ", 2, "expected a comma (',') or array terminator (']'), but got the end of the file instead")]
    [InlineData("\ny = 1", "9", 2, "19999999")]
    public void Names_line_and_key_of_what_is_wrong_in_few_words(string begin, string again, int line, string reason, string end = "")
    {
        var fault = Assert.Single(Read(begin + string.Concat(Enumerable.Repeat(again, 30_000)) + end).Faults);

        Assert.Matches($"^toml: line {line}( \\(last key \"[^\"]+\"\\))?: {System.Text.RegularExpressions.Regex.Escape(reason)}", fault.Text);
        Assert.Equal(line, fault.Line);
        Assert.DoesNotContain("Tomlyn", fault.Text, StringComparison.Ordinal);
        Assert.InRange(fault.Text.Length, 1, 300);
        Assert.Equal(VectorHost.File, fault.File);
    }

    [Fact]
    public void Says_which_file_is_missing() => Assert.Equal(
        "Cannot find usable config file (file /etc/nothing.toml does not exist)",
        Assert.Single(new KataConfigurationReader(VectorHost.With("")).Read("/etc/nothing.toml").Faults).Text);

    [Fact]
    public void Sends_older_clients_what_they_know_alone()
    {
        var vm = Read(Minimal + "vhost_user_reconnect_timeout_sec = 7\nconfidential_guest = true\ndefault_vcpus = 2\n[agent.kata]\ncdh_api_timeout = 50\n").Configuration!.Vm;

        var (newer, older) = (Hypervisor(vm, KataTarget.Union), Hypervisor(vm, KataTarget.Kata35));

        Assert.Equal((7, 4), (newer.GetProperty("VhostUserDeviceReconnect").GetInt32(), newer.GetProperty("DefaultMaxVCPUs").GetInt32()));
        Assert.Equal((0, 2), (older.GetProperty("VhostUserDeviceReconnect").GetInt32(), older.GetProperty("DefaultMaxVCPUs").GetInt32()));
        Assert.Equal(2, newer.GetProperty("KernelParams").GetArrayLength());
        Assert.Equal(1, older.GetProperty("KernelParams").GetArrayLength());
        Assert.Equal("sha512", newer.GetProperty("MeasurementAlgo").GetString());
        Assert.False(older.TryGetProperty("MeasurementAlgo", out _));
        Assert.Equal(103, older.EnumerateObject().Count());
    }

    private static JsonElement Hypervisor(KataVmConfig vm, KataTarget target) =>
        JsonDocument.Parse(vm.ToGrpc(target).Data.ToByteArray()).RootElement.GetProperty("HypervisorConfig");

    private static KataConfigurationResult Read(string toml, bool vsock = true, KataTarget target = KataTarget.Union) =>
        new KataConfigurationReader(VectorHost.With(toml, vsock: vsock), target: target).Read(VectorHost.File);
}
