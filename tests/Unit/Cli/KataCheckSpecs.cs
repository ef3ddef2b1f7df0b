using VmCacheCluster.Cli;
using Xunit;

namespace VmCacheCluster.Tests.Unit.Cli;

public sealed class KataCheckSpecs : IDisposable
{
    private const string NoAgent = "a stock client does not reach the agent of a VM that it took: see docs/kata.md\n";

    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("vmk");

    private string File => Path.Combine(_directory.FullName, "configuration.toml");

    public void Dispose() => _directory.Delete(recursive: true);

    [Fact]
    public async Task Says_which_clients_take_a_vm_and_what_they_compare()
    {
        var run = await CheckAsync("");

        Assert.Equal((0, ""), (run.Exit, run.Error));
        Assert.StartsWith(
            "Kata 3.5: takes the VM (run: the client of 3.5.0)\n  with Kubernetes it boots its own; elsewhere " + NoAgent
            + "Kata 4.1: takes the VM (read: the source of 4.1.0)\n  " + NoAgent
            + "VMs can be cloned from a template (enable_template = true, or refill = auto)\n\nFIELD", run.Out, StringComparison.Ordinal);
        Assert.Matches(@"HypervisorConfig\.SharedFS +""none"" +yes", run.Out);
        Assert.Matches("HypervisorConfig\\.MemorySize +2048 +no", run.Out);
    }

    [Fact]
    public async Task Says_which_client_boots_its_own_and_why()
    {
        var run = await CheckAsync("vhost_user_reconnect_timeout_sec = 7\n");

        Assert.Equal(ExitCode.Failed, run.Exit);
        Assert.StartsWith(
            "Kata 3.5: boots a VM of its own (run: the client of 3.5.0), because of\n"
            + "  HypervisorConfig.VhostUserDeviceReconnect: 7 is served, 0 is wanted\nKata 4.1: takes the VM (read: the source of 4.1.0)\n",
            run.Out, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Says_why_vms_are_only_booted_or_not_made_at_all()
    {
        var booted = await CheckAsync("enable_hugepages = true\n");
        Assert.Equal(0, booted.Exit);
        Assert.Contains("VMs are booted each, for they cannot be cloned: its memory is of huge pages", booted.Out, StringComparison.Ordinal);

        var none = await CheckAsync("confidential_guest = true\n");
        Assert.Equal(ExitCode.Failed, none.Exit);
        Assert.Contains("no VM can be made of it: confidential_guest", none.Out, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Tells_every_fault_with_what_to_do()
    {
        var run = await CheckAsync("block_device_driver = \"ide\"\ndefault_bridges = true\n");

        Assert.Equal((ExitCode.Failed, ""), (run.Exit, run.Out));
        var lines = run.Error.TrimEnd('\n').Split('\n');
        Assert.Equal(2, lines.Length);
        Assert.Contains("hypervisor.qemu.default_bridges = true in file " + File, lines[0], StringComparison.Ordinal);
        Assert.Contains("Invalid hypervisor block storage driver ide specified", lines[1], StringComparison.Ordinal);
    }

    [Fact]
    public async Task Tells_faults_as_json_too()
    {
        var run = await CliRun.Of("kata", "check", "/no/such.toml", "-o", "json");

        Assert.Equal(ExitCode.Failed, run.Exit);
        Assert.False(run.Json.GetProperty("ok").GetBoolean());
        Assert.Contains("/no/such.toml", run.Json.GetProperty("faults")[0].GetProperty("text").GetString());
    }

    [Fact]
    public async Task Says_of_each_client_whether_it_was_run_or_read()
    {
        CheckFile("shared_fs = \"none\"");

        var run = await CliRun.Of("kata", "check", File, "--agent-transport", "virtio-serial", "-o", "json");

        Assert.Equal(
            [("3.5", true, "run", "the client of 3.5.0"), ("4.1", true, "read", "the source of 4.1.0")],
            run.Json.GetProperty("clients").EnumerateArray().Select(c => (
                c.GetProperty("version").GetString(), c.GetProperty("takes").GetBoolean(), c.GetProperty("known").GetString(),
                c.GetProperty("of").GetString())));
    }

    /// <summary>Kata 1.13 has two clients, which make different things of one file.</summary>
    [Fact]
    public async Task Checks_both_clients_of_the_first_generation()
    {
        var run = await FirstAsync("[agent.kata]\nenable_debug = true\n[proxy.kata]\npath = \"/usr/libexec/kata-proxy\"\n");

        Assert.Equal((0, ""), (run.Exit, run.Error));
        Assert.StartsWith(
            "Kata 1.13, kata-runtime: takes the VM (run: runtime, proxy and agent of 1.13.0)\n"
            + "Kata 1.13, containerd-shim-kata-v2: boots a VM of its own (read: the source of 1.13.0), because of\n"
            + "  ProxyType: \"kataProxy\" is served, \"kataBuiltInProxy\" is wanted\n"
            + "  AgentConfig.LongLiveConn: false is served, true is wanted\n"
            + "  AgentConfig.Debug: true is served, false is wanted\n", run.Out, StringComparison.Ordinal);
        Assert.Matches("HypervisorConfig\\.HypervisorMachineType +\"pc\" +yes", run.Out);
    }

    [Theory]
    [InlineData("3", "3.5")]
    [InlineData("3.5", "3.5")]
    [InlineData("v3.5.0", "3.5")]
    [InlineData("4.1", "4.1")]
    [InlineData("2.5", "2.5")]
    public async Task Takes_a_version_as_users_write_it_and_says_whose_verdict_it_is(string given, string version)
    {
        var run = await CheckAsync(version == "2.5" ? "shared_fs = \"virtio-9p\"" : "shared_fs = \"none\"", "--kata-version", given);

        Assert.Equal((0, ""), (run.Exit, run.Error));
        Assert.StartsWith($"Kata {version}: takes the VM (", run.Out, StringComparison.Ordinal);
        Assert.Single(run.Out.Split('\n'), line => line.StartsWith("Kata ", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Says_which_versions_there_are_when_one_is_none()
    {
        var run = await CheckAsync("", "--kata-version", "2.3");

        Assert.Equal((2, ""), (run.Exit, run.Out));
        Assert.Contains("2.3", run.Error, StringComparison.Ordinal);
        Assert.Contains("1.6 to 1.13, 2.4 to 3.1", run.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Says_which_version_refuses_the_file()
    {
        var run = await CheckAsync("block_device_logical_sector_size = 3\nshared_fs = \"none\"\n");

        Assert.Equal(ExitCode.Failed, run.Exit);
        Assert.StartsWith("Kata 3.5: takes the VM (run: ", run.Out, StringComparison.Ordinal);
        Assert.Contains(
            $"\nKata 4.1: refuses the file (read: the source of 4.1.0), because of\n  {File}: invalid block_device_logical_sector_size 3: must be 0 or a power of 2 between 512 and 65536",
            run.Out, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Says_whose_verdict_a_fault_is()
    {
        var both = await CheckAsync("default_memory = -1");
        Assert.Contains("vmcache: Kata 3.5 and 4.1: toml: line 6 (last key", both.Error, StringComparison.Ordinal);

        var one = await CheckAsync("default_memory = -1", "--kata-version", "4.1");
        Assert.Contains("vmcache: Kata 4.1: toml: line 6 (last key", one.Error, StringComparison.Ordinal);
    }

    /// <summary>Keys of 4.x whose VM is none of ours; clients of 3.5 do not know them.</summary>
    [Theory]
    [InlineData("enable_numa = true", "HypervisorConfig.GuestNUMANodes")]
    [InlineData("guest_extension_images = [{ name = \"gpu\", path = \"/x\" }]", "HypervisorConfig.GuestExtensionImages")]
    [InlineData("snp_guest_policy = 196608", "HypervisorConfig.SnpGuestPolicy")]
    [InlineData("kernel_verity_params = \"root_hash=a\"", "HypervisorConfig.KernelVerityParams")]
    public async Task Says_that_a_client_of_4_1_boots_its_own_for_what_is_not_made_here(string line, string field)
    {
        var run = await CheckAsync(line + (line.StartsWith("enable_numa", StringComparison.Ordinal) ? "\n[runtime]\nstatic_sandbox_resource_mgmt = true" : ""));

        Assert.Equal(ExitCode.Failed, run.Exit);
        Assert.StartsWith("Kata 3.5: takes the VM (run: ", run.Out, StringComparison.Ordinal);
        Assert.Contains($"\nKata 4.1: boots a VM of its own (read: the source of 4.1.0), because of\n  {field}: ", run.Out, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Says_that_no_vm_has_more_memory_than_the_most()
    {
        var run = await CheckAsync("default_memory = 2048\ndefault_maxmemory = 1024\n");

        Assert.Equal(ExitCode.Failed, run.Exit);
        Assert.Contains("no VM can be made of it: default_memory: 2048 MiB are more than default_maxmemory, 1024 MiB", run.Out, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Checks_a_configuration_for_containerds_shim()
    {
        var run = await FirstAsync("[agent.kata]\nenable_debug = true\nkernel_modules = [\"e1000e\"]\n");

        Assert.Equal((0, ""), (run.Exit, run.Error));
        Assert.StartsWith("Kata 1.13, kata-runtime: boots a VM of its own (run: ", run.Out, StringComparison.Ordinal);
        Assert.Contains(
            "\nKata 1.13, containerd-shim-kata-v2: takes the VM (read: the source of 1.13.0)\n", run.Out, StringComparison.Ordinal);
        Assert.Matches("AgentConfig\\.KernelModules +null +yes", run.Out);
    }

    [Fact]
    public async Task Says_which_client_of_the_first_generation_refuses_the_file()
    {
        var run = await FirstAsync("[agent.noop]\n");

        Assert.Equal((0, ""), (run.Exit, run.Error));
        Assert.StartsWith(
            "Kata 1.13, kata-runtime: refuses the file (run: runtime, proxy and agent of 1.13.0), because of\n", run.Out, StringComparison.Ordinal);
        Assert.Contains("noop agent type is not supported", run.Out.Split('\n')[1], StringComparison.Ordinal);
    }

    [Fact]
    public async Task Reads_no_endless_file()
    {
        var run = await CliRun.Of("kata", "check", "/dev/zero");

        Assert.Equal(ExitCode.Failed, run.Exit);
        Assert.Contains("it is a device, and only regular files are read", run.Error, StringComparison.Ordinal);
    }

    private Task<CliRun> CheckAsync(string more, params string[] arguments)
    {
        CheckFile(more.Contains("shared_fs", StringComparison.Ordinal) ? more : "shared_fs = \"none\"\n" + more);
        return CliRun.Of(["kata", "check", File, "--agent-transport", "virtio-serial", .. arguments]);
    }

    private Task<CliRun> FirstAsync(string more)
    {
        CheckFile(more);
        return CliRun.Of("kata", "check", File, "--kata-version", "1.13");
    }

    private void CheckFile(string more)
    {
        foreach (var name in new[] { "qemu", "kernel", "initrd" }) System.IO.File.WriteAllText(Path.Combine(_directory.FullName, name), "x");
        System.IO.File.WriteAllText(File, $"""
            [hypervisor.qemu]
            path = "{_directory.FullName}/qemu"
            kernel = "{_directory.FullName}/kernel"
            initrd = "{_directory.FullName}/initrd"
            {more}
            """);
    }
}
