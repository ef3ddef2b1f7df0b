using System.Text;
using VmCacheCluster.Domain;
using VmCacheCluster.Domain.Ports;
using VmCacheCluster.Hypervisor.Qemu.Vm;
using VmCacheCluster.Kata;
using VmCacheCluster.Qmp;
using Xunit;

namespace VmCacheCluster.Tests.Qemu.Hypervisor;

/// <summary>VMs of Kata's shape, with real QEMU and the embedded guest; its agent is reached over virtio-serial.</summary>
[Trait("Category", "Qemu")]
public sealed class KataShapeSpecs : IAsyncLifetime
{
    private const string VirtioFsDaemon = "/usr/lib/qemu/virtiofsd";
    private static readonly CancellationToken None = CancellationToken.None;
    private readonly HypervisorHouse _house = new();

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync() => await _house.DisposeAsync();

    [Fact]
    public async Task Takes_a_network_card_on_the_bridge_that_its_client_is_told_of()
    {
        await using var vm = await _house.BootAsync(Spec(new KataShape { Bridges = 2, Share = SharedFileSystem.Virtio9P, Nested = true }));
        var told = GrpcVmFormat.Read(GrpcVmFormat.Write(vm.Facts));
        Assert.Equal([("pci-bridge-0", 2), ("pci-bridge-1", 3)], told.Hypervisor.State.Bridges!.Select(b => (b.ID, b.Addr)));
        Assert.Equal(vm.Facts.Paths.Agent, told.Agent);
        await using var guest = await vm.OpenGuestAsync(None);
        var before = await DevicesAsync(guest);

        await using (var client = await QmpClient.ConnectUnixAsync(told.Qmp))
        {
            await client.ExecuteAsync("netdev_add", json =>
            {
                json.WriteString("type", "hubport");
                json.WriteString("id", "net0");
                json.WriteNumber("hubid", 0);
            });
            await client.ExecuteAsync("device_add", json =>
            {
                json.WriteString("driver", "virtio-net-pci");
                json.WriteString("id", "virtio-net0");
                json.WriteString("netdev", "net0");
                json.WriteString("bus", told.Hypervisor.State.Bridges![0].ID);
                json.WriteString("addr", "01");
            });
        }

        using var limit = new CancellationTokenSource(HypervisorHouse.Patience);
        while ((await DevicesAsync(guest)).Count == before.Count) limit.Token.ThrowIfCancellationRequested();
        Assert.EndsWith(":01.0", Assert.Single((await DevicesAsync(guest)).Except(before)), StringComparison.Ordinal);
        await vm.StopAsync(None);
        _house.AssertEmpty();
    }

    /// <summary>Before that nothing reads what a kata-proxy writes to it.</summary>
    [Fact]
    public async Task Knows_by_qemu_s_word_that_the_guest_has_opened_its_agents_port()
    {
        using var limit = new CancellationTokenSource(HypervisorHouse.Patience);
        await using var vm = await _house.Hypervisor.CreateAsync(VmId.New(), Spec(new KataShape()), limit.Token);
        Assert.False(await IsOpenAsync(vm));

        await vm.WaitForAgentAsync(limit.Token);

        Assert.True(await IsOpenAsync(vm));
        Assert.Equal($"{vm.Facts.Process.Pid}\n", File.ReadAllText(Path.Combine(vm.Facts.Paths.ClientDirectory, "pid")));
        await vm.StopAsync(None);
        _house.AssertEmpty();
    }

    private static async Task<bool> IsOpenAsync(IVm vm)
    {
        await using var client = await QmpClient.ConnectUnixAsync(vm.Facts.Paths.Qmp);
        return AgentPort.IsOpen(await client.ExecuteAsync("query-chardev"));
    }

    [SkippableFact]
    public async Task Serves_files_for_as_long_as_the_vm_lives_and_ends_the_vm_with_their_server()
    {
        Skip.IfNot(File.Exists(VirtioFsDaemon), $"there is no {VirtioFsDaemon}");
        var shape = new KataShape
        {
            Share = SharedFileSystem.VirtioFs, VirtioFsDaemon = Script(), VirtioFsCache = "auto", MemoryDirectory = "/dev/shm", SharedMemory = true, Nested = true,
        };
        await using var vm = await _house.BootAsync(Spec(shape));
        var pid = GrpcVmFormat.Read(GrpcVmFormat.Write(vm.Facts)).Hypervisor.State.VirtiofsDaemonPid;
        Assert.Contains(VirtioFsDaemon, File.ReadAllText($"/proc/{pid}/cmdline"), StringComparison.Ordinal);

        var found = Assert.Single(await _house.Another().FindAsync(None));
        Assert.Equal(pid, found.Facts!.FileServerPid);
        System.Diagnostics.Process.GetProcessById(pid).Kill();

        using var limit = new CancellationTokenSource(HypervisorHouse.Patience);
        VmEvent? last = null;
        await foreach (var happened in vm.Events.ReadAllAsync(limit.Token)) last = happened;
        Assert.Contains("for its virtiofsd was killed by signal 9", Assert.IsType<VmEvent.Exited>(last).How, StringComparison.Ordinal);
        await vm.StopAsync(None);
        _house.AssertEmpty();
    }

    [SkippableFact]
    public async Task Leaves_no_file_server_when_the_vm_is_stopped_or_was_never_made()
    {
        Skip.IfNot(File.Exists(VirtioFsDaemon), $"there is no {VirtioFsDaemon}");
        var shape = new KataShape
        {
            Share = SharedFileSystem.VirtioFs, VirtioFsDaemon = Script(), VirtioFsCache = "auto", MemoryDirectory = "/dev/shm", SharedMemory = true,
        };
        await using (var vm = await _house.BootAsync(Spec(shape)))
        {
            await vm.StopAsync(None);
            _house.AssertEmpty();
        }

        var fault = await Assert.ThrowsAsync<VmFailedException>(() => _house.BootAsync(Spec(shape with { Machine = KataMachine.Virt })));
        Assert.Contains("unsupported machine type", fault.Message, StringComparison.Ordinal);
        _house.AssertEmpty();

        fault = await Assert.ThrowsAsync<VmFailedException>(() => _house.BootAsync(Spec(shape with { VirtioFsDaemon = "/nowhere/virtiofsd" })));
        Assert.Contains("cannot execute /nowhere/virtiofsd", fault.Message, StringComparison.Ordinal);
        _house.AssertEmpty();

        var refusing = Path.Combine(_house.Root, "refusing");
        File.WriteAllText(refusing, "#!/bin/sh\necho 'starting' >&2\necho 'error: unknown cache policy' >&2\nexit 3\n");
        File.SetUnixFileMode(refusing, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        fault = await Assert.ThrowsAsync<VmFailedException>(() => _house.BootAsync(Spec(shape with { VirtioFsDaemon = refusing })));
        Assert.Contains("virtiofsd did not serve, it exited with status 3: error: unknown cache policy", fault.Message, StringComparison.Ordinal);
        _house.AssertEmpty();
    }

    private static VmSpec Spec(KataShape shape) => HypervisorHouse.Spec() with { MaxCpus = 2, MemorySlots = 2, MaxMemoryMiB = 1024, Kata = shape };

    /// <summary>QEMU 7.2 brings a virtiofsd with older options than those that Kata gives.</summary>
    private string Script()
    {
        var path = Path.Combine(_house.Root, "virtiofsd");
        File.WriteAllText(path, $$"""
            #!/bin/sh
            for a; do
              case $a in --cache=*) cache=${a#*=} ;; --shared-dir=*) share=${a#*=} ;; --fd=*) fd=$a ;; *) echo "unknown: $a"; exit 1 ;; esac
            done
            exec {{VirtioFsDaemon}} "$fd" -o "source=$share" -o "cache=$cache" -f
            """);
        File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        return path;
    }

    private static async Task<IReadOnlyList<string>> DevicesAsync(IGuest guest)
    {
        await using var program = await guest.ExecAsync(
            new GuestCommand(["ls", "/sys/bus/pci/devices"], new Dictionary<string, string>(), "", TimeSpan.FromMinutes(1)), None);
        await program.CloseStdinAsync(None);
        var said = new StringBuilder();
        await foreach (var part in program.ReadOutputAsync(None))
            if (part is GuestOutput.Stdout { Data: var data }) said.Append(Encoding.UTF8.GetString(data.Span));
        return said.ToString().Split((char[])['\n', ' '], StringSplitOptions.RemoveEmptyEntries);
    }
}
