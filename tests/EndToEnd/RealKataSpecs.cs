using VmCacheCluster.Client;
using VmCacheCluster.Kata.Configuration;
using VmCacheCluster.Tests.EndToEnd.Support;

namespace VmCacheCluster.Tests.EndToEnd;

/// <summary>Kata's configuration with real QEMU and the embedded guest, whose agent is reached over virtio-serial.</summary>
[Trait("Category", "Qemu")]
[Collection(QemuCollection.Name)]
public sealed class RealKataSpecs : IAsyncLifetime
{
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(4);

    private readonly House _house = new() { Patience = TimeSpan.FromMinutes(5) };

    private string Socket => _house.At("kata.sock");

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync() => await _house.DisposeAsync();

    [Fact]
    public async Task Gives_kata_s_factory_a_clone_that_it_resumes_and_grows()
    {
        var daemon = _house.Start(
            $$"""
            client-dir = "{{_house.RunDirectory}}/client"
            pool-defaults { accelerator = tcg, boot-timeout = 180s }
            """,
            "--kata-config", _house.Write("configuration.toml", Toml(1, 256)), "--agent-transport", "virtio-serial");
        await daemon.WarmAsync();
        using var client = VmCacheClient.Open(Socket);
        var own = new KataConfigurationReader(new LinuxKataHost(), agentOverVsock: false).Read(_house.Write("own.toml", Toml(2, 512))).Configuration!.Vm;

        var vm = await new KataFactory(client).GetVmAsync(own, Limit, Limit);

        Assert.Equal(new VmCapacity(2, 512), vm.Has);
        var id = vm.Received.Id.Value;
        var seen = (await CliRun.SucceedingAsync(Socket, "exec", id, "--", "sh", "-c", "nproc; cat /proc/cmdline")).Out;
        Assert.StartsWith("2\n", seen, StringComparison.Ordinal);
        Assert.Contains("scsi_mod.scan=none", seen, StringComparison.Ordinal);
        var status = await daemon.ReadyAsync();
        Assert.Equal("clone", status.Pools[0].Refill);
        Assert.Equal(0, (await CliRun.Async(Socket, "kata", "check", _house.At("own.toml"), "--agent-transport", "virtio-serial", "--live")).ExitCode);
        await daemon.Client.ReleaseAsync(id, Limit);
    }

    private string Toml(int cpus, int memory)
    {
        var guest = Path.GetDirectoryName(Dist.Guest);
        return $"""
            [hypervisor.qemu]
            path = "/usr/bin/qemu-system-x86_64"
            kernel = "{guest}/vmlinuz"
            initrd = "{guest}/initrd.img"
            machine_type = "q35"
            cpu_features = "pmu=off"
            default_vcpus = {cpus}
            default_maxvcpus = 2
            default_memory = {memory}
            default_maxmemory = 1024
            shared_fs = "virtio-9p"
            disable_guest_selinux = true
            kernel_params = "cryptomgr.notests"
            [agent.kata]
            [factory]
            vm_cache_number = 1
            vm_cache_endpoint = "{Socket}"
            enable_template = true
            template_path = "{_house.At("template")}"
            """;
    }
}
