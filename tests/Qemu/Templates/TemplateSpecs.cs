using System.Text;
using VmCacheCluster.Domain;
using VmCacheCluster.Domain.Ports;
using VmCacheCluster.Hypervisor.Qemu.Templates;
using VmCacheCluster.Tests.Qemu.Hypervisor;
using VmCacheCluster.Qmp;
using Xunit;

namespace VmCacheCluster.Tests.Qemu.Templates;

/// <summary>Templates and their clones, with real QEMU and the embedded guest.</summary>
[Trait("Category", "Qemu")]
[Collection(TemplateHouseCollection.Name)]
public sealed class TemplateSpecs(TemplateHouse house)
{
    private static readonly CancellationToken None = CancellationToken.None;

    [Fact]
    public async Task Starts_clones_that_are_paused_and_whose_agents_answer_when_they_run()
    {
        await using var clone = await CloneAsync(house.Store);

        Assert.Equal((MadeBy.Clone, VmCondition.Paused), (clone.Facts.MadeBy, clone.Condition));
        Assert.True(clone.Probe().Fit, clone.Probe().Detail);
        Assert.Contains("THP_enabled:\t0", await File.ReadAllLinesAsync($"/proc/{clone.Facts.Process.Pid}/status"));
        await clone.ResumeAsync(None);
        await using (var guest = await clone.OpenGuestAsync(None))
        {
            Assert.Equal("1", (await RunAsync(guest, "nproc")).Trim());
            var block = (await guest.DescribeAsync(None)).MemoryBlockMiB;
            Assert.Equal(new HotPlug(1, 1, null), await clone.AddCpusAsync(1, None));
            Assert.Equal(new HotPlug(block, block, null), await clone.AddMemoryAsync(block, block, None));
            await guest.OnlineAsync(2, None);
            Assert.Equal("2", (await RunAsync(guest, "nproc")).Trim());
        }

        await clone.StopAsync(None);
    }

    [Fact]
    public async Task Gives_each_clone_random_numbers_and_an_identity_of_its_own()
    {
        var seen = new List<string>();
        for (var i = 0; i < 3; i++)
        {
            await using var clone = await CloneAsync(house.Store);
            await clone.ResumeAsync(None);
            var identity = new GuestIdentity(clone.Facts.Id.Value.Replace("-", "", StringComparison.Ordinal), $"clone-{i}");
            await using (var guest = await clone.PrepareGuestAsync(new GuestPreparation(identity, LateBinding.None), None))
            {
                seen.Add(await RunAsync(guest, "head -c 32 /dev/urandom | od -An -tx1"));
                seen.Add(await RunAsync(guest, "cat /proc/sys/kernel/random/boot_id"));
                seen.Add(await RunAsync(guest, "cat /etc/machine-id"));
                seen.Add(await RunAsync(guest, "hostname"));
            }

            await clone.StopAsync(None);
        }

        Assert.Equal(12, seen.Count);
        Assert.DoesNotContain("", seen);
        Assert.Distinct(seen);
    }

    /// <summary>A kernel that knows the device seeds its random numbers anew by it; the embedded guest's does not.</summary>
    [Fact]
    public async Task Tells_the_guests_kernel_of_each_clone_that_it_is_a_copy()
    {
        var seen = new HashSet<string>();
        for (var i = 0; i < 2; i++)
        {
            await using var clone = await CloneAsync(house.Store);
            await using (var monitor = await QmpClient.ConnectUnixAsync(clone.Facts.Paths.Qmp, null, None))
                seen.Add((await monitor.ExecuteAsync("query-vm-generation-id", null, None, HypervisorHouse.Patience)).GetProperty("guid").GetString()!);
            await clone.StopAsync(None);
        }

        Assert.Equal(2, seen.Count);
    }

    [Fact]
    public async Task Lets_no_clone_write_the_template()
    {
        await using var clone = await CloneAsync(house.Store);
        // What a clone's QEMU holds, and whoever had taken it over would.
        using var memory = File.OpenHandle($"/proc/{clone.Facts.Process.Pid}/fd/3", FileMode.Open, FileAccess.ReadWrite);

        Assert.Equal(256L * 1024 * 1024, RandomAccess.GetLength(memory));
        Assert.ThrowsAny<Exception>(() => RandomAccess.Write(memory, "x"u8, 0));
        Assert.ThrowsAny<Exception>(() => RandomAccess.SetLength(memory, 0));
        await clone.StopAsync(None);
    }

    [Fact]
    public async Task Finds_it_again_in_a_later_process_and_takes_over_its_clones()
    {
        await using (var left = await CloneAsync(house.Store)) Assert.Equal(VmCondition.Paused, left.Condition);

        using var later = house.Another();
        Assert.Equal(house.Template, await later.FindAsync(TemplateHouse.Spec(), None));
        await using var clone = await CloneAsync(later);
        await clone.ResumeAsync(None);
        await (await clone.OpenGuestAsync(None)).DisposeAsync();
        await clone.StopAsync(None);

        var found = Assert.Single(await house.House.Another().FindAsync(None));
        Assert.Equal(MadeBy.Clone, found.Facts!.MadeBy);
        await using var taken = await house.House.Another().AttachAsync(found, None);
        await taken.ResumeAsync(None);
        await (await taken.OpenGuestAsync(None)).DisposeAsync();
        await taken.StopAsync(None);
        house.House.AssertEmpty();
    }

    [Fact]
    public async Task Is_none_for_vms_of_another_shape()
    {
        var spec = TemplateHouse.Spec();

        Assert.Null(await house.Store.FindAsync(spec with { MemoryMiB = 320 }, None));
        Assert.Null(await house.Store.FindAsync(spec with { KernelParameters = spec.KernelParameters + " quiet" }, None));
        Assert.Null(await house.Store.FindAsync(spec with { MaxCpus = 2 }, None));
        Assert.NotNull(await house.Store.FindAsync(spec with { Pool = new PoolName("other") }, None));
    }

    [Theory]
    [InlineData("memory")]
    [InlineData("state")]
    [InlineData("template.json")]
    public async Task Is_removed_with_a_reason_when_it_is_damaged(string file)
    {
        using var copy = new Copy(house);
        using (var damaged = File.OpenHandle(copy.FileOf(file), FileMode.Open, FileAccess.ReadWrite))
        {
            var at = RandomAccess.GetLength(damaged) / 2;
            var was = new byte[4096];
            RandomAccess.Read(damaged, was, at);
            for (var i = 0; i < was.Length; i++) was[i] ^= 0x5A;
            RandomAccess.Write(damaged, was, at);
        }

        var failure = (await Assert.ThrowsAsync<VmFailedException>(() => copy.Store.FindAsync(TemplateHouse.Spec(), None))).Failure;

        Assert.Contains("is of no use and was removed: its ", failure.Message, StringComparison.Ordinal);
        Assert.Null(await copy.Store.FindAsync(TemplateHouse.Spec(), None));
    }

    [Fact]
    public async Task Is_refused_with_a_reason_when_it_is_truncated()
    {
        using var copy = new Copy(house);
        using (var memory = File.OpenHandle(copy.FileOf("memory"), FileMode.Open, FileAccess.ReadWrite)) RandomAccess.SetLength(memory, 1024 * 1024);

        var failure = (await Assert.ThrowsAsync<VmFailedException>(() => copy.Store.FindAsync(TemplateHouse.Spec(), None))).Failure;

        Assert.Contains("its memory is truncated", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Is_not_believed_where_others_can_write()
    {
        using var copy = new Copy(house);
        File.SetUnixFileMode(copy.Root, (UnixFileMode)0b111_111_111);

        var failure = (await Assert.ThrowsAsync<VmFailedException>(() => copy.Store.FindAsync(TemplateHouse.Spec(), None))).Failure;

        Assert.Contains("can be written to by others", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Is_made_by_one_at_a_time_and_leaves_nothing_when_it_is_given_up()
    {
        var spec = TemplateHouse.Spec() with { KernelParameters = TemplateHouse.Spec().KernelParameters + " made_by=one" };
        using var given = new CancellationTokenSource();
        var making = house.Store.MakeAsync(spec, HypervisorHouse.Patience, given.Token);
        await Tests.TestSupport.Eventually.Async(() => HypervisorHouse.ProcessesNaming(house.House.Root).Count > 0, "QEMU runs");
        using var other = house.Another();

        var refused = (await Assert.ThrowsAsync<VmFailedException>(() => other.MakeAsync(spec, HypervisorHouse.Patience, None))).Failure;
        await given.CancelAsync();
        await Assert.ThrowsAnyAsync<Exception>(() => making);

        Assert.Contains("another process is making the template", refused.Message, StringComparison.Ordinal);
        Assert.Null(await other.FindAsync(spec, None));
        house.House.AssertEmpty();
        Assert.Empty(Directory.EnumerateDirectories(house.Directory, ".new-*", SearchOption.AllDirectories));
    }

    [Fact]
    public async Task Goes_when_nobody_wants_it_and_it_is_old()
    {
        using var copy = new Copy(house);

        await copy.Store.SweepAsync(new TemplateLimits(TimeSpan.FromHours(1), null), None);
        Assert.True(Directory.Exists(copy.Of));
        Assert.NotNull(await copy.Store.FindAsync(TemplateHouse.Spec(), None));
        await copy.Store.SweepAsync(new TemplateLimits(TimeSpan.Zero, null), None);
        Assert.True(Directory.Exists(copy.Of));
        // Another daemon's pools are of another shape.
        using var later = new TemplateStore(copy.Root, house.House.Options, house.House.ThrowAways, new VmCacheCluster.Hypervisor.Qemu.LinuxHostClock(), TimeProvider.System);
        await later.SweepAsync(new TemplateLimits(TimeSpan.Zero, null), None);
        Assert.False(Directory.Exists(copy.Of));
    }

    private async Task<IVm> CloneAsync(TemplateStore store)
    {
        await store.FindAsync(TemplateHouse.Spec(), None);
        using var limit = new CancellationTokenSource(HypervisorHouse.Patience);
        return await store.CloneAsync(VmId.New(), TemplateHouse.Spec(), house.Template, limit.Token);
    }

    private static async Task<string> RunAsync(IGuest guest, string script)
    {
        await using var program = await guest.ExecAsync(new GuestCommand(["sh", "-c", script], new Dictionary<string, string>(), "", null), None);
        var text = new StringBuilder();
        await foreach (var output in program.ReadOutputAsync(None))
            if (output is GuestOutput.Stdout some) text.Append(Encoding.UTF8.GetString(some.Data.Span));
        return text.ToString();
    }

    /// <summary>The template in another directory, to be spoilt.</summary>
    private sealed class Copy : IDisposable
    {
        public Copy(TemplateHouse house)
        {
            Root = Path.Combine(house.House.Root, Guid.NewGuid().ToString("N"));
            Of = Path.Combine(Root, house.Template.Digest.Value);
            var version = Directory.GetDirectories(Path.Combine(house.Directory, house.Template.Digest.Value)).Single();
            _version = Path.Combine(Of, Path.GetFileName(version));
            Directory.CreateDirectory(_version);
            foreach (var file in Directory.GetFiles(version)) File.Copy(file, Path.Combine(_version, Path.GetFileName(file)));
            Store = new TemplateStore(Root, house.House.Options, house.House.ThrowAways, new VmCacheCluster.Hypervisor.Qemu.LinuxHostClock(), TimeProvider.System);
        }

        private readonly string _version;

        public string Root { get; }

        public string Of { get; }

        public TemplateStore Store { get; }

        public string FileOf(string name) => Path.Combine(_version, name);

        public void Dispose() => Store.Dispose();
    }
}
