using VmCacheCluster.Contracts.V1;
using VmCacheCluster.Kata;
using VmCacheCluster.Kata.Configuration;
using VmCacheCluster.Kata.Wire;
using VmCacheCluster.Tests.EndToEnd.Support;
using VmCacheCluster.Tests.TestSupport;
using VmCacheCluster.Tests.TestSupport.Yamux;

namespace VmCacheCluster.Tests.EndToEnd;

/// <summary>Kata 1.x: its configuration, its guests' agents, its proxies. The agent is a peer of the tests' own.</summary>
[Trait("Category", "Fake")]
public sealed class FirstGenerationSpecs : HouseSpecs
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);

    private string Socket => House.At("kata.sock");

    private string Agent => House.At("agent");

    [Fact]
    public async Task Checks_agents_through_yamux_and_hands_out_what_its_client_takes()
    {
        await using var agent = await FirstAgent.StartAsync(Agent);
        var toml = Toml("");
        var daemon = Start(toml);
        await daemon.WarmAsync();
        Assert.Contains("grpc.Health/Check", agent.Calls);
        using var kata = new KataSocket(Socket);

        var config = await kata.Service.ConfigAsync(new Google.Protobuf.WellKnownTypes.Empty());
        Assert.Equal(Read(toml).ToGrpc(KataTarget.Kata113).Data, config.Data);
        var vm = await kata.GetBaseVmAsync();

        var qemu = (await daemon.Client.GetAsync(vm.Id, Limit)).Pid;
        Assert.Equal((qemu, $"unix://{House.RunDirectory}/client/{vm.Id}/kata.sock"), (vm.ProxyPid, vm.ProxyURL));
        await daemon.Client.ReleaseAsync(vm.Id, Limit);
    }

    [Fact]
    public async Task Starts_a_proxy_for_each_vm_and_ends_it_with_the_vm()
    {
        await using var agent = await FirstAgent.StartAsync(Agent);
        var daemon = Start(Toml($"[proxy.kata]\npath = \"{Proxy()}\"\nenable_debug = true"));
        await daemon.WarmAsync();
        using var kata = new KataSocket(Socket);

        var vm = await kata.GetBaseVmAsync();

        var command = Processes.CommandLine((int)vm.ProxyPid);
        Assert.Contains($"-listen-socket unix://{House.RunDirectory}/client/{vm.Id}/proxy.sock", command.Replace('\0', ' '), StringComparison.Ordinal);
        Assert.Contains($"-mux-socket {House.RunDirectory}/client/{vm.Id}/kata.sock -sandbox {vm.Id} -log debug", command.Replace('\0', ' '), StringComparison.Ordinal);
        Assert.Equal($"unix://{House.RunDirectory}/client/{vm.Id}/proxy.sock", vm.ProxyURL);
        await daemon.Client.ReleaseAsync(vm.Id, Limit);
        await Eventually.Async(() => !Processes.IsAlive(vm.ProxyPid), "the proxy is gone");
    }

    /// <summary>Its VM is of no use then; Kata's own server hands it out all the same.</summary>
    [Fact]
    public async Task Replaces_a_warm_vm_whose_proxy_dies()
    {
        await using var agent = await FirstAgent.StartAsync(Agent);
        var daemon = Start(Toml($"[proxy.kata]\npath = \"{Proxy()}\""));
        var before = (await daemon.WarmAsync()).Pools[0].Vms.Select(v => v.Id).ToList();
        var proxy = Processes.Naming($"{House.RunDirectory}/client/{before[0]}/proxy.sock").Single();

        Processes.Signal(proxy, Processes.Sigkill);

        var status = await daemon.UntilAsync(s => s.Pools[0] is { Warm: 1 } p && p.Vms.All(v => v.Id != before[0]), "it is replaced");
        Assert.Contains(status.Pools[0].Events, e => e.What.Contains("kata-proxy was killed by signal 9", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("echo no /dev/log; exit 3", "kata-proxy did not start", "exited with status 3: no /dev/log")]
    [InlineData("exec sleep 600", "kata-proxy did not start", "did not listen on")]
    public async Task Says_why_a_proxy_does_not_come_up(string script, string what, string why)
    {
        await using var agent = await FirstAgent.StartAsync(Agent);
        var daemon = Start(Toml($"[proxy.kata]\npath = \"{House.Script("proxy", "#!/bin/sh\n" + script + "\n")}\""));

        var status = await daemon.PoolAsync(p => p.Reason.Contains(what, StringComparison.Ordinal), "the pool says why it is empty");

        Assert.Contains(why, status.Pools[0].Reason, StringComparison.Ordinal);
        House.AssertNoVmLeft(status.Pools[0].Vms.Select(v => v.Id).ToArray());
    }

    [Fact]
    public async Task Tells_a_guest_of_the_other_generation_apart()
    {
        await using var agent = await FirstAgent.StartAsync(Agent);
        var daemon = House.Start(House.Fakes(1, $"agent=forward:{Agent}").Replace("boot-timeout = 30s", "boot-timeout = 2s", StringComparison.Ordinal));

        var status = await daemon.PoolAsync(p => p.Reason.Contains("agent-protocol = yamux", StringComparison.Ordinal), "the pool says so");

        Assert.Contains("the guest's agent is of Kata 1.x", status.Pools[0].Reason, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Tells_a_later_guest_apart_from_one_of_this_generation()
    {
        var daemon = House.Start(House.Fakes(1).Replace("boot-timeout = 30s", "boot-timeout = 2s", StringComparison.Ordinal)
            .Replace("refill = boot", "refill = boot\nagent-protocol = yamux", StringComparison.Ordinal));

        var status = await daemon.PoolAsync(p => p.Reason.Contains("agent-protocol = ttrpc", StringComparison.Ordinal), "the pool says so");

        Assert.Contains("the guest's agent is of Kata 2.x or later", status.Pools[0].Reason, StringComparison.Ordinal);
    }

    private string Proxy() => House.Script("kata-proxy", $"#!/bin/sh\nexec {Dist.FakeQemu} --kata-proxy {Agent}.direct \"$@\"\n");

    private DaemonProcess Start(string toml) => House.Start(
        $$"""
        client-dir = "{{House.RunDirectory}}/client"
        backoff { initial = 200ms, max = 2s }
        pool-defaults { accelerator = tcg }
        """,
        "--kata-config", House.Write("configuration.toml", toml), "--kata-version", "1.13");

    private KataVmConfig Read(string toml)
    {
        var read = new KataConfigurationReader(new LinuxKataHost(), target: KataTarget.Kata113).Read(House.Write("own.toml", toml));
        Assert.Empty(read.Faults);
        return read.Configuration!.Vm;
    }

    private string Toml(string proxy) => $"""
        [hypervisor.qemu]
        path = "{Dist.FakeQemu}"
        kernel = "{House.Kernel("kernel", $"agent=forward:{Agent}")}"
        initrd = "{House.Initrd}"
        default_maxvcpus = 2
        default_memory = 256
        [agent.kata]
        {proxy}
        [factory]
        vm_cache_number = 1
        vm_cache_endpoint = "{Socket}"
        """;
}
