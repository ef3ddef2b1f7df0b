using System.Net.Sockets;
using VmCacheCluster.Agent;
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

    /// <summary>kata-proxy pings its guest, which reads nothing while it is paused. Where the channel is full it ends at a connection.</summary>
    [Fact]
    public async Task Keeps_the_channel_of_a_paused_vm_quiet_so_that_its_proxy_lives()
    {
        await using var agent = await FirstAgent.StartAsync(Agent);
        var daemon = Start(Toml($"[proxy.kata]\npath = \"{Proxy()}\""));
        var id = (await daemon.WarmAsync()).Pools[0].Vms.Single().Id;
        var proxy = ProxyOf(id);
        await Eventually.Async(() => Processes.State(proxy) == 'T' || LogOf(id).Length > 0, "kata-proxy rests, or has filled the channel");
        using var kata = new KataSocket(Socket);

        var taken = await kata.GetBaseVmAsync();

        Assert.Equal(proxy, taken.ProxyPid);
        Assert.NotEqual('T', Processes.State(proxy));
        var vm = await daemon.Client.GetAsync(id, Limit);
        await using var channel = await GrpcAgentChannel.DirectAsync(vm.Agent, default);
        var asking = new AgentClient(channel).CheckAsync(default, Limit);
        await HandedOut.ResumeAsync(vm);
        Assert.True(await asking);
        Assert.Equal((true, ""), (Processes.IsAlive(proxy), LogOf(id)));
        await daemon.Client.ReleaseAsync(id, Limit);
        await Eventually.Async(() => !Processes.IsAlive(proxy), "the proxy is gone");
    }

    /// <summary>A guest that boots for long has not opened its port, and reads nothing either.</summary>
    [Fact]
    public async Task Lets_a_proxy_speak_when_the_guest_has_opened_its_port()
    {
        await using var agent = await FirstAgent.StartAsync(Agent);
        var daemon = Start(Toml($"[proxy.kata]\npath = \"{Proxy()}\"", "boot-delay=4s"));

        static bool Tells(PoolStatus pool) => pool.Events.Any(e => e.What.Contains("kata-proxy", StringComparison.Ordinal));
        var pool = (await daemon.UntilAsync(s => s.Pools[0] is { Warm: 1 } || Tells(s.Pools[0]), "it is warm, or its proxy is gone")).Pools[0];

        Assert.DoesNotContain(pool.Events, e => e.What.Contains("kata-proxy", StringComparison.Ordinal));
        Assert.Equal("", LogOf(pool.Vms.Single().Id));
    }

    /// <summary>With debug kata-proxy reads the guest's console: where it is suspended, the boot's output is lost.</summary>
    [Fact]
    public async Task Lets_a_proxy_that_reads_the_console_run_while_the_guest_boots()
    {
        await using var agent = await FirstAgent.StartAsync(Agent);
        var daemon = Start(Toml($"[proxy.kata]\npath = \"{Proxy(pace: 2000)}\"\nenable_debug = true", "boot-delay=4s"));
        var mark = $"{House.RunDirectory}/client/";
        await Eventually.Async(() => Processes.Naming(mark).Any(IsProxy), "kata-proxy is there");
        var proxy = Processes.Naming(mark).First(IsProxy);
        var states = new List<char>();

        await Eventually.Async(
            () =>
            {
                var state = Processes.State(proxy);
                if (!agent.Calls.IsEmpty) return true;
                states.Add(state);
                return false;
            },
            "the agent is asked");

        Assert.NotEmpty(states);
        Assert.DoesNotContain('T', states);
        await daemon.WarmAsync();

        static bool IsProxy(int pid) => Processes.CommandLine(pid).Contains("-mux-socket", StringComparison.Ordinal);
    }

    [Fact]
    public async Task Takes_over_a_vm_with_its_proxy_at_rest_and_wakes_it_for_its_holder()
    {
        await using var agent = await FirstAgent.StartAsync(Agent);
        var toml = Toml($"[proxy.kata]\npath = \"{Proxy()}\"");
        var first = Start(toml);
        var id = (await first.WarmAsync()).Pools[0].Vms.Single().Id;
        var proxy = ProxyOf(id);
        await first.TerminateAsync();
        // As a daemon left it that knew no rest, and wrote no pid for clients.
        Processes.Signal(proxy, Processes.Sigcont);
        var pid = $"{House.RunDirectory}/client/{id}/pid";
        File.Delete(pid);
        var daemon = Start(toml);
        await daemon.WarmAsync();
        await Eventually.Async(() => Processes.State(proxy) == 'T', "it rests again");
        using var kata = new KataSocket(Socket);

        Assert.Equal(proxy, (await kata.GetBaseVmAsync()).ProxyPid);

        Assert.NotEqual('T', Processes.State(proxy));
        Assert.Equal($"{(await daemon.Client.GetAsync(id, Limit)).Pid}\n", await File.ReadAllTextAsync(pid));
        Assert.Equal(["console.sock", "kata.sock", "pid", "proxy.sock", "qmp.sock", "shared"], Names(Path.GetDirectoryName(pid)!));
        await daemon.Client.ReleaseAsync(id, Limit);
    }

    /// <summary>Without a proxy the client multiplexes itself: what it reads first must be the answer to what it sent first.</summary>
    [Fact]
    public async Task Hands_out_a_channel_on_which_nothing_stale_comes_first()
    {
        await using var agent = await FirstAgent.StartAsync(Agent);
        var daemon = Start(Toml(""));
        await daemon.WarmAsync();
        using var kata = new KataSocket(Socket);
        var vm = await daemon.Client.GetAsync((await kata.GetBaseVmAsync()).Id, Limit);
        using var limit = new CancellationTokenSource(Limit);

        await using var channel = new NetworkStream(await KataSocket.ConnectAsync(vm.Agent, limit.Token), ownsSocket: true);
        await channel.WriteAsync(Convert.FromHexString("00020001000000000000002a"), limit.Token);
        await HandedOut.ResumeAsync(vm);
        var first = new byte[12];
        await channel.ReadExactlyAsync(first, limit.Token);

        Assert.Equal("00020002000000000000002A", Convert.ToHexString(first));
        // And the daemon's own session left the agent nothing to say.
        Assert.All(agent.Cut, open => Assert.Equal(0, open));
        await daemon.Client.ReleaseAsync(vm.Id, Limit);
    }

    [Fact]
    public async Task Leaves_qemu_s_pid_where_kata_s_client_looks_and_believes_nothing_there()
    {
        await using var agent = await FirstAgent.StartAsync(Agent);
        var first = Start(Toml(""));
        await first.WarmAsync();
        using var kata = new KataSocket(Socket);
        var vm = await first.Client.GetAsync((await kata.GetBaseVmAsync()).Id, Limit);
        var file = $"{House.RunDirectory}/client/{vm.Id}/pid";
        Assert.Equal($"{vm.Pid}\n", await File.ReadAllTextAsync(file));
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(file));

        await File.WriteAllTextAsync(file, "1\n");
        await first.TerminateAsync();
        var daemon = Start(Toml(""));
        await daemon.WarmAsync();

        Assert.Equal(vm.Pid, (await daemon.Client.GetAsync(vm.Id, Limit)).Pid);
        await daemon.Client.ReleaseAsync(vm.Id, Limit);
        await Eventually.Async(() => !Processes.IsAlive(vm.Pid), "QEMU is gone");
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

    /// <param name="pace">Milliseconds between pings: a channel that nobody reads is full in no time.</param>
    private string Proxy(int pace = 20) =>
        House.Script("kata-proxy", $"#!/bin/sh\nexec {Dist.FakeQemu} --kata-proxy {Agent}.direct {pace} \"$@\"\n");

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

    private static IEnumerable<string> Names(string directory) =>
        Directory.EnumerateFileSystemEntries(directory).Select(p => Path.GetFileName(p)!).Order();

    private int ProxyOf(string id) => Processes.Naming($"{House.RunDirectory}/client/{id}/proxy.sock").Single();

    private string LogOf(string id) => File.ReadAllText($"{House.RunDirectory}/vm/{id}/kata-proxy.log");

    private string Toml(string proxy, params string[] directives) => $"""
        [hypervisor.qemu]
        path = "{Dist.FakeQemu}"
        kernel = "{House.Kernel("kernel", [$"agent=forward:{Agent}", .. directives])}"
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
