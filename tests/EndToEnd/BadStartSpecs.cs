using VmCacheCluster.Tests.EndToEnd.Support;

namespace VmCacheCluster.Tests.EndToEnd;

/// <summary>What stops the daemon at its start: a message that says what and where, an exit code, and nothing made.</summary>
[Trait("Category", "Fake")]
public sealed class BadStartSpecs : HouseSpecs
{
    private const int ConfigurationExit = 78;
    private const int CannotCreateExit = 73;

    [Theory]
    [InlineData("-1", "vm-cache-number", "-1")]
    [InlineData("900000", "vm-cache-number", "900000 VMs of 64 MiB need", "this host has")]
    [InlineData("99999999999999999999", "vm-cache-number", "99999999999999999999")]
    [InlineData("several", "vm-cache-number", "several")]
    [InlineData("2.5", "vm-cache-number", "2.5")]
    public async Task Refuses_a_vm_cache_number_when_no_host_could_have_it(string number, params string[] words)
    {
        var daemon = House.Start(House.Fakes(1), $"--vm-cache-number={number}");

        await AssertRefusedAsync(daemon, ConfigurationExit, ["--vm-cache-number", .. words]);
    }

    [Fact]
    public async Task Lists_every_fault_of_the_configuration_at_once()
    {
        var daemon = House.Start($$"""
            {{House.Fakes(1)}}
            grace-period = soon
            boot-paralelism = 3
            stop.quit = -2s
            pools {
              "Not A Name" { }
              one { vm-cache-number = -3, accelerator = warp, memory = 7KiB }
              two { qemu = "relative/qemu", root-ports = 99 }
            }
            """);

        await AssertRefusedAsync(
            daemon, ConfigurationExit, "grace-period", "soon", "boot-paralelism", "boot-parallelism", "stop.quit", "Not A Name",
            "pools.one.vm-cache-number", "pools.one.accelerator", "warp", "pools.one.memory", "pools.two.qemu", "relative/qemu", "pools.two.root-ports", "0.conf");
    }

    [Fact]
    public async Task Names_the_file_when_the_configuration_cannot_be_read()
    {
        var missing = House.At("none.conf");
        await AssertRefusedAsync(House.Start(House.Fakes(1), "--config", missing), ConfigurationExit, missing);
    }

    [Fact]
    public async Task Names_the_place_when_the_configuration_is_no_hocon()
    {
        await AssertRefusedAsync(House.Start("pools { default { memory = 64MiB"), ConfigurationExit, "0.conf");
    }

    [Fact]
    public async Task Names_the_directory_when_the_run_directory_cannot_be_made()
    {
        var blocked = Path.Combine(House.Write("file", "in the way"), "run");
        await AssertRefusedAsync(House.Start(House.Fakes(1), "--run-dir", blocked), CannotCreateExit, blocked, "--run-dir");
    }

    [Fact]
    public async Task Names_the_length_when_sockets_would_not_fit()
    {
        var deep = House.At(new string('d', 90));
        await AssertRefusedAsync(House.Start(House.Fakes(1), "--run-dir", deep), ConfigurationExit, "run-dir", "107");
    }

    private async Task AssertRefusedAsync(DaemonProcess daemon, int exit, params string[] words)
    {
        Assert.Equal(exit, await daemon.ExitedAsync());
        Assert.All(words, w => Assert.Contains(w, daemon.Log, StringComparison.Ordinal));
        Assert.DoesNotContain("   at ", daemon.Log, StringComparison.Ordinal);
        House.AssertNothingLeft();
    }
}
