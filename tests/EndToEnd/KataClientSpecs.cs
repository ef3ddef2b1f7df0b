using System.Net.Sockets;
using VmCacheCluster.Client;
using VmCacheCluster.Contracts.V1;
using VmCacheCluster.Kata;
using VmCacheCluster.Kata.Configuration;
using VmCacheCluster.Kata.Wire;
using VmCacheCluster.Tests.EndToEnd.Support;
using VmCacheCluster.Tests.TestSupport;
using VmCacheCluster.Tests.TestSupport.Http2;

namespace VmCacheCluster.Tests.EndToEnd;

/// <summary>vmcached with Kata's own configuration, and clients that have the same one.</summary>
[Trait("Category", "Fake")]
public sealed class KataClientSpecs : HouseSpecs
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);

    private string Socket => House.At("kata.sock");

    [Fact]
    public async Task Gives_a_client_of_the_same_configuration_a_vm_that_it_can_resume_and_grow()
    {
        var daemon = Start(Toml());
        await daemon.WarmAsync();
        // As a sandbox asks that needs more: sizes are not compared.
        var own = Read(Toml("default_vcpus = 2\ndefault_memory = 512"));
        using var client = VmCacheClient.Open(Socket);

        var vm = await new KataFactory(client).GetVmAsync(own, Limit, Limit);

        Assert.Equal(new VmCapacity(2, 512), vm.Has);
        Assert.EndsWith("/kata.sock", vm.Agent, StringComparison.Ordinal);
        Assert.Equal(["pci-bridge-0"], vm.Received.Hypervisor.State.Bridges!.Select(b => b.ID));
        var seen = await daemon.Client.GetAsync(vm.Received.Id.Value, Limit);
        Assert.Equal((VmState.Leased, vm.Agent), (seen.State, seen.Agent));
        Assert.Equal(Path.Combine(vm.Received.ClientDirectory, "shared"), seen.Share);
        // What docs/kata.md says that is there.
        Assert.Equal(
            ["console.sock", "kata.sock", "pid", "qmp.sock", "shared"],
            Directory.EnumerateFileSystemEntries(vm.Received.ClientDirectory).Select(p => Path.GetFileName(p)!).Order());
        Assert.Equal($"{seen.Pid}\n", await File.ReadAllTextAsync(Path.Combine(vm.Received.ClientDirectory, "pid")));
        await daemon.Client.ReleaseAsync(vm.Received.Id.Value, Limit);
    }

    [Fact]
    public async Task Tells_a_client_of_another_configuration_in_what_it_differs()
    {
        var daemon = Start(Toml());
        await daemon.ReadyAsync();
        using var client = VmCacheClient.Open(Socket);

        var fault = await Assert.ThrowsAsync<VmCacheException>(() => new KataFactory(client).GetVmAsync(Read(Toml("default_bridges = 2")), Limit, Limit));

        Assert.Equal(Reasons.ConfigurationDiffers, fault.Reason);
        Assert.Contains("DefaultBridges", fault.Message, StringComparison.Ordinal);
        var check = await CliRun.Async(Socket, "kata", "check", House.Write("other.toml", Toml("default_bridges = 2")), "--agent-transport", "virtio-serial", "--live");
        Assert.NotEqual(0, check.ExitCode);
        Assert.Contains("DefaultBridges", check.Out, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Tells_its_configuration_although_no_vm_can_be_made_of_it()
    {
        var toml = Toml("confidential_guest = true");
        var daemon = Start(toml);
        await daemon.PoolAsync(p => p.Reason.Contains("confidential_guest", StringComparison.Ordinal), "the pool says why it is empty");
        using var client = VmCacheClient.Open(Socket);

        Assert.Empty(await new KataFactory(client).DifferencesAsync(Read(toml)));
        Assert.Contains("confidential_guest", daemon.Log, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Refuses_a_configuration_as_kata_does_with_every_fault_and_what_to_do()
    {
        var daemon = Start(Toml("block_device_driver = \"floppy\"\nkernel_verity = 1\nvalid_hypervisor_paths = 3"), "--agent-transport", "vsock");

        Assert.Equal(78, await daemon.ExitedAsync());

        Assert.Contains("Invalid hypervisor block storage driver floppy", daemon.Log, StringComparison.Ordinal);
        Assert.Contains("valid_hypervisor_paths", daemon.Log, StringComparison.Ordinal);
        if (!Path.Exists("/dev/vhost-vsock")) Assert.Contains("--agent-transport serial", daemon.Log, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", daemon.Log, StringComparison.Ordinal);
    }

    /// <summary>Every byte that grpc-go 1.47 sent in Kata's place.</summary>
    [SkippableFact]
    public Task Answers_the_recorded_conversation_of_kata_s_client_frame_by_frame() =>
        AnswersFrameByFrameAsync(System.Text.Encoding.ASCII.GetString(Vectors.Read("grpcvm/http2-client-to-server.hex")));

    /// <summary>The same from grpc-go 1.11.3, of every Kata 1.x: it names the socket as the host. Made by hand, frame by frame.</summary>
    [Theory]
    [InlineData("old-grpc-go-path.hex")]
    [InlineData("old-grpc-go-target.hex")]
    public async Task Answers_an_old_client_that_names_the_socket_as_the_host(string conversation) =>
        await AnswersFrameByFrameAsync(await File.ReadAllTextAsync(Path.Combine(Repository.Root, "tests", "EndToEnd", "Conversations", conversation)));

    /// <summary>All is sent at once, as nobody waits for answers here.</summary>
    private async Task AnswersFrameByFrameAsync(string hex)
    {
        var recorded = Convert.FromHexString(hex.Trim());
        var daemon = Start(Toml());
        await daemon.WarmAsync();
        using var limit = new CancellationTokenSource(Limit);
        await using var stream = new NetworkStream(await KataSocket.ConnectAsync(Socket, limit.Token), ownsSocket: true);

        await stream.WriteAsync(recorded, limit.Token);

        var frames = new List<Http2Frame>();
        while (frames.Count(f => f.Type == Http2Frame.Headers && f.Has(Http2Frame.EndStream)) < 2 || frames.Count(f => f.Type == Http2Frame.Ping && f.Has(Http2Frame.Ack)) < Pings(recorded))
            frames.Add(await Http2Frame.ReadAsync(stream, limit.Token));

        // The connection is opened first: settings, and that the client's were taken.
        Assert.Equal(Http2Frame.Settings, frames[0].Type);
        Assert.Single(frames, f => f.Type == Http2Frame.Settings && f.Has(Http2Frame.Ack));
        // Nothing but what grpc-go understands: no reset, no farewell.
        Assert.All(frames, f => Assert.Contains(f.Type, new[] { Http2Frame.Data, Http2Frame.Headers, Http2Frame.Settings, Http2Frame.Ping, Http2Frame.WindowUpdate }));
        var hpack = new Hpack();
        var blocks = frames.Where(f => f.Type == Http2Frame.Headers).Select(f => (f.Stream, End: f.Has(Http2Frame.EndStream), Headers: hpack.Read(f.Payload))).ToList();
        foreach (var call in new[] { 1, 3 })
        {
            Assert.Equal([false, true], blocks.Where(b => b.Stream == call).Select(b => b.End));
            var (head, tail) = (blocks.First(b => b.Stream == call).Headers, blocks.Last(b => b.Stream == call).Headers);
            Assert.Equal(("200", "application/grpc"), (head[":status"], head["content-type"]));
            Assert.Equal("0", tail["grpc-status"]);
        }

        var vm = GrpcVmFormat.Read(GrpcVM.Parser.ParseFrom(Message(frames, 3)));
        Assert.Empty(KataComparison.Between(GrpcVMConfig.Parser.ParseFrom(Message(frames, 1)), Read(Toml()), KataTarget.Kata35));
        Assert.Equal(VmState.Leased, (await daemon.Client.GetAsync(vm.Id.Value, Limit)).State);
        await daemon.Client.ReleaseAsync(vm.Id.Value, Limit);
    }

    private static int Pings(byte[] recorded)
    {
        var pings = 0;
        for (var at = 24; at < recorded.Length; at += 9 + ((recorded[at] << 16) | (recorded[at + 1] << 8) | recorded[at + 2]))
            if (recorded[at + 3] == Http2Frame.Ping && recorded[at + 4] == 0) pings++;
        return pings;
    }

    /// <summary>What a call was answered: one message, neither compressed nor split over several.</summary>
    private static byte[] Message(List<Http2Frame> frames, int call)
    {
        var data = frames.Where(f => f.Type == Http2Frame.Data && f.Stream == call).SelectMany(f => f.Payload).ToArray();
        Assert.Equal(0, data[0]);
        Assert.Equal(data.Length - 5, (data[1] << 24) | (data[2] << 16) | (data[3] << 8) | data[4]);
        return data[5..];
    }

    private DaemonProcess Start(string toml, params string[] flags) => House.Start(
        $$"""
        client-dir = "{{House.RunDirectory}}/client"
        backoff { initial = 200ms, max = 2s }
        pool-defaults { accelerator = tcg }
        """,
        ["--kata-config", House.Write("configuration.toml", toml), .. flags.Contains("--agent-transport") ? flags : [.. flags, "--agent-transport", "virtio-serial"]]);

    private KataVmConfig Read(string toml)
    {
        var read = new KataConfigurationReader(new LinuxKataHost(), agentOverVsock: false).Read(House.Write("own.toml", toml));
        Assert.Empty(read.Faults);
        return read.Configuration!.Vm;
    }

    /// <param name="own">Keys of [hypervisor.qemu], instead of these where they are the same.</param>
    private string Toml(string own = "")
    {
        string[] usual =
        [
            $"path = \"{Dist.FakeQemu}\"", $"kernel = \"{House.Kernel("kernel")}\"", $"initrd = \"{House.Initrd}\"", "machine_type = \"q35\"", "default_vcpus = 1",
            "default_maxvcpus = 2", "default_memory = 256", "memory_slots = 4", "default_maxmemory = 1024", "shared_fs = \"none\"", "default_bridges = 1",
        ];
        var said = own.Split('\n').Select(Key).ToHashSet();
        return $"""
            [hypervisor.qemu]
            {string.Join('\n', usual.Where(u => !said.Contains(Key(u))))}
            {own}
            [agent.kata]
            dial_timeout = 45
            [factory]
            vm_cache_number = 2
            vm_cache_endpoint = "{Socket}"
            [runtime]
            internetworking_model = "tcfilter"
            """;
    }

    private static string Key(string line) => line.Split('=')[0].Trim();
}
