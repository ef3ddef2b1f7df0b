using System.Globalization;
using System.Text;
using VmCacheCluster.Domain;
using VmCacheCluster.Domain.Ports;
using VmCacheCluster.Qmp;
using Xunit;

namespace VmCacheCluster.Tests.Qemu.Hypervisor;

/// <summary>What a VM can do beyond starting and stopping, with real QEMU and the embedded guest.</summary>
[Trait("Category", "Qemu")]
public sealed class QemuVmAbilitiesSpecs(SharedVm shared) : IClassFixture<SharedVm>
{
    private static readonly CancellationToken None = CancellationToken.None;

    private IVm Vm => shared.Vm;

    [Fact]
    public async Task Gives_the_guest_a_vcpu_and_memory_and_takes_back_what_cannot_be_plugged()
    {
        Assert.Equal(new VmSize(1, 256), Vm.Size);
        await using var guest = await Vm.OpenGuestAsync(None);
        var block = (await guest.DescribeAsync(None)).MemoryBlockMiB;
        var before = await MemoryKiBAsync(guest);

        Assert.Equal(new HotPlug(1, 1, null), await Vm.AddCpusAsync(1, None));
        Assert.Equal(new HotPlug(256, 256, null), await Vm.AddMemoryAsync(200, block, None));
        await guest.OnlineAsync(2, None);

        Assert.Equal("2", (await RunAsync(guest, "nproc")).Trim());
        Assert.Equal(256 * 1024, await MemoryKiBAsync(guest) - before);
        Assert.Equal(new VmSize(2, 512), Vm.Size);

        // There is one memory slot.
        var more = await Vm.AddMemoryAsync(block, block, None);
        Assert.Equal((block, 0, VmFailureKind.Host), (more.Wanted, more.Done, more.Failure!.Kind));
        Assert.Contains("slot", more.Failure.Message, StringComparison.Ordinal);
        Assert.Equal(new VmSize(2, 512), Vm.Size);
        await using var client = await QmpClient.ConnectUnixAsync(Vm.Facts.Paths.Qmp);
        Assert.Equal(["dimm1", "mem-1"], (await client.ExecuteAsync("query-memdev")).EnumerateArray().Select(m => m.GetProperty("id").GetString()).Order());
        Assert.Equal(Vm.Size, Assert.Single(await shared.House.Another().FindAsync(None)).Size);
    }

    [Fact]
    public async Task Tells_before_anything_is_plugged_what_is_too_much()
    {
        var size = Vm.Size;

        var cpus = await Vm.AddCpusAsync(3, None);
        var memory = await Vm.AddMemoryAsync(4096, 128, None);

        Assert.Equal((3, 0, VmFailureKind.Configuration), (cpus.Wanted, cpus.Done, cpus.Failure!.Kind));
        Assert.Contains("at most 3", cpus.Failure.Message, StringComparison.Ordinal);
        Assert.Equal((4096, 0, VmFailureKind.Configuration), (memory.Wanted, memory.Done, memory.Failure!.Kind));
        Assert.Contains("at most 4096 MiB", memory.Failure.Message, StringComparison.Ordinal);
        Assert.Equal(size, Vm.Size);
    }

    [Fact]
    public async Task Counts_what_the_guest_runs_and_nothing_while_it_is_paused()
    {
        await Vm.PauseAsync(None);
        var paused = Vm.ReadGuestCpu();
        await using (var client = await QmpClient.ConnectUnixAsync(Vm.Facts.Paths.Qmp))
        {
            foreach (var question in new[] { "query-status", "query-cpus-fast", "query-hotpluggable-cpus", "stop" }) await client.ExecuteAsync(question);
            Assert.Equal(paused, Vm.ReadGuestCpu());
            Assert.Equal(paused, Assert.Single(await shared.House.Another().FindAsync(None)).GuestCpu);

            // As a client would that wants to leave no trace.
            await client.ExecuteAsync("cont");
            await client.ExecuteAsync("stop");
        }

        Assert.True(paused > TimeSpan.Zero);
        Assert.True(Vm.ReadGuestCpu() > paused);
        await Vm.ResumeAsync(None);
    }

    [Fact]
    public async Task Saves_a_paused_vm_that_can_be_used_and_saved_again()
    {
        var file = Path.Combine(shared.House.Root, "state");
        await Assert.ThrowsAsync<VmFailedException>(() => Vm.SaveAsync(file, None));
        Assert.False(Path.Exists(file));
        await Vm.PauseAsync(None);

        await Vm.SaveAsync(file, None);
        File.Delete(file);
        await Vm.SaveAsync(file, None);

        Assert.InRange(new FileInfo(file).Length, 10 << 20, 1 << 30);
        Assert.Equal(VmCondition.Paused, Vm.Condition);
        Assert.True(Vm.Probe().Fit, Vm.Probe().Detail);
        Assert.False(Path.Exists(file + ".new"));
        await Vm.ResumeAsync(None);
        await using var guest = await Vm.OpenGuestAsync(None);
        Assert.Equal("alive\n", await RunAsync(guest, "echo alive"));
    }

    [Fact]
    public async Task Leaves_no_file_when_it_cannot_be_saved_and_goes_on()
    {
        await Vm.PauseAsync(None);
        Directory.CreateSymbolicLink(Path.Combine(shared.House.Root, "full.new"), "/dev/full");

        var failed = await Assert.ThrowsAsync<VmFailedException>(() => Vm.SaveAsync(Path.Combine(shared.House.Root, "full"), None));
        var missing = await Assert.ThrowsAsync<VmFailedException>(() => Vm.SaveAsync("/nowhere/state", None));

        Assert.Equal((VmFailureKind.Host, VmFailureKind.Host), (failed.Failure.Kind, missing.Failure.Kind));
        Assert.Contains("No space left", failed.Failure.Message, StringComparison.Ordinal);
        Assert.Contains("/nowhere/state", missing.Failure.Message, StringComparison.Ordinal);
        Assert.False(Path.Exists(Path.Combine(shared.House.Root, "full.new")));
        Assert.Equal(VmCondition.Paused, Vm.Condition);
        await Vm.ResumeAsync(None);
    }

    [Fact]
    public async Task Gives_a_save_up_when_cancelled_and_goes_on()
    {
        await Vm.PauseAsync(None);
        using var cancel = new CancellationTokenSource();
        var file = Path.Combine(shared.House.Root, "given-up");
        using var watcher = new FileSystemWatcher(shared.House.Root, "given-up.new");
        watcher.Created += (_, _) => cancel.Cancel();
        watcher.EnableRaisingEvents = true;

        // Cancelled as soon as the file is there. When all was written before that was seen, it is as good.
        var saving = await Record.ExceptionAsync(() => Vm.SaveAsync(file, cancel.Token));

        Assert.True(saving is null or VmFailedException { Failure.Kind: VmFailureKind.Cancelled }, saving?.ToString());
        Assert.Equal(saving is null, Path.Exists(file));
        Assert.False(Path.Exists(file + ".new"));
        Assert.Equal(VmCondition.Paused, Vm.Condition);
        await Vm.ResumeAsync(None);
        await using var guest = await Vm.OpenGuestAsync(None);
    }

    [Fact]
    public async Task Is_found_by_the_name_of_its_sandbox()
    {
        Assert.True(SandboxId.TryParse("pod-1", out var sandbox));

        await Vm.AssignAsync(sandbox, None);

        var link = Path.Combine(shared.House.Options.ClientDirectory, "sandbox", "pod-1");
        await using (var client = await QmpClient.ConnectUnixAsync(Path.Combine(link, "qmp.sock")))
            Assert.Equal("running", (await client.ExecuteAsync("query-status")).GetProperty("status").GetString());
        Assert.True(Directory.Exists(Path.Combine(link, "share")));
    }

    [Fact]
    public async Task Is_made_its_holders_own_in_one_call()
    {
        await using var guest = await Vm.OpenGuestAsync(None);
        Assert.True((await guest.DescribeAsync(None)).Preparable);
        var id = new string('a', 32);

        await guest.PrepareAsync(new GuestPreparation(
            new GuestIdentity(id, "from-its-id"),
            new LateBinding("bound", new Dictionary<string, string> { ["GREETING"] = "hello" }, [new GuestFile("/etc/late", 0x180, "late"u8.ToArray())])), None);
        await guest.ReseedAsync(None);
        await guest.SetClockAsync(None);

        var said = await RunAsync(guest, "cat /etc/machine-id; hostname; echo $GREETING; cat /etc/late; date +%s");
        var lines = said.Split('\n');
        Assert.Equal([id, "bound", "hello"], lines[..3]);
        Assert.StartsWith("late", lines[3], StringComparison.Ordinal);
        var clock = DateTimeOffset.FromUnixTimeSeconds(long.Parse(lines[3]["late".Length..], CultureInfo.InvariantCulture));
        Assert.InRange(clock, DateTimeOffset.UtcNow.AddMinutes(-5), DateTimeOffset.UtcNow.AddMinutes(5));
    }

    [Fact]
    public async Task Runs_a_program_with_its_input_and_tells_how_it_ended()
    {
        await using var guest = await Vm.OpenGuestAsync(None);
        await using var program = await guest.ExecAsync(new GuestCommand(
            ["sh", "-c", "cat; echo $A >&2; exit 3"], new Dictionary<string, string> { ["A"] = "b" }, "/", TimeSpan.FromMinutes(1)), None);
        await program.WriteStdinAsync(new byte[100_000], None);
        await program.CloseStdinAsync(None);

        var output = new List<GuestOutput>();
        await foreach (var part in program.ReadOutputAsync(None)) output.Add(part);

        Assert.Equal(100_000, output.OfType<GuestOutput.Stdout>().Sum(o => o.Data.Length));
        Assert.Equal("b\n", string.Concat(output.OfType<GuestOutput.Stderr>().Select(o => Encoding.UTF8.GetString(o.Data.Span))));
        Assert.Equal(new GuestOutput.Exited(3, 0, TimedOut: false), output[^1]);
    }

    private static async Task<long> MemoryKiBAsync(IGuest guest)
    {
        var line = (await RunAsync(guest, "cat /proc/meminfo")).Split('\n').Single(l => l.StartsWith("MemTotal:", StringComparison.Ordinal));
        return long.Parse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture);
    }

    private static async Task<string> RunAsync(IGuest guest, string script)
    {
        await using var program = await guest.ExecAsync(new GuestCommand(["sh", "-c", script], new Dictionary<string, string>(), "", TimeSpan.FromMinutes(1)), None);
        await program.CloseStdinAsync(None);
        var said = new StringBuilder();
        await foreach (var part in program.ReadOutputAsync(None))
        {
            if (part is GuestOutput.Stdout { Data: var data }) said.Append(Encoding.UTF8.GetString(data.Span));
            if (part is GuestOutput.Exited exited) Assert.Equal(new GuestOutput.Exited(0, 0, TimedOut: false), exited);
        }
        return said.ToString();
    }
}
