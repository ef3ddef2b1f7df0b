using VmCacheCluster.Contracts.V1;
using VmCacheCluster.Tests.EndToEnd.Support;
using VmCacheCluster.Tests.TestSupport;

namespace VmCacheCluster.Tests.EndToEnd;

/// <summary>Pools that refill by clone, with real VMs.</summary>
[Trait("Category", "Qemu")]
[Collection(QemuCollection.Name)]
public sealed class RealCloneSpecs(StoredTemplate stored) : IAsyncLifetime
{
    private static readonly string Settings = House.RealVms(4, mebibytes: 256, refill: "auto");

    private House House { get; } = new() { Patience = TimeSpan.FromMinutes(5) };

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync() => await House.DisposeAsync();

    [Fact]
    public async Task Gives_katas_clients_clones_that_were_set_apart_already()
    {
        await stored.CopyToAsync(House.At("templates"));
        var daemon = House.Start(StoredTemplate.Settings(House.At("templates")));
        await daemon.ReadyAsync();
        var seen = new List<string>();
        for (var i = 0; i < 2; i++)
        {
            var taken = (await CliRun.SucceedingAsync(House.Endpoint, "get-base-vm", "--timeout", "240s", "-o", "json")).Json;
            var id = taken.GetProperty("id").GetString()!;
            Assert.Equal("clone", taken.GetProperty("madeBy").GetString());
            var vm = await daemon.Client.GetAsync(id, HandedOut.Timeout);
            // Nothing but the resume of a client that does no more.
            await HandedOut.ResumeAsync(vm);
            seen.Add((await CliRun.SucceedingAsync(House.Endpoint, "exec", id, "--", "sh", "-c", "head -c 32 /dev/urandom | od -An -v -tx1; cat /etc/machine-id")).Out);
            await CliRun.SucceedingAsync(House.Endpoint, "release", id);
        }

        Assert.NotEqual(seen[0], seen[1]);
    }

    [Fact]
    public async Task Is_at_its_target_without_a_boot_when_a_template_is_stored()
    {
        var first = House.Start(Settings);
        await first.WarmAsync();
        var stored = Assert.Single(Versions());
        await first.Client.DrainAsync(HandedOut.Timeout);
        await first.PoolAsync(p => p.Vms.Count == 0, "all are gone");
        Assert.Equal(0, await first.TerminateAsync());

        var second = House.Start(Settings);

        var pool = (await second.WarmAsync()).Pools[0];
        Assert.All(pool.Vms, vm => Assert.Equal(MadeBy.Clone, vm.MadeBy));
        Assert.Equal(stored, Assert.Single(Versions()));
        Assert.Equal("clone", pool.Refill);
        var measured = await second.Client.GetStatusAsync(HandedOut.Timeout, memory: true);
        Assert.All(measured.Pools[0].Vms, vm => Assert.InRange(vm.PssKib, 1024u, 256u * 1024));
        Assert.DoesNotContain(pool.Events, e => e.What.Contains("made", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("boots")]
    [InlineData("is saved")]
    [InlineData("is proved")]
    [InlineData("is written")]
    [InlineData("is there")]
    public async Task Has_a_whole_template_or_none_when_the_daemon_is_killed_while_it(string step)
    {
        var doomed = House.Start(Settings);
        await Eventually.Async(() => Reached(step), $"the template {step}", deadline: House.Patience);
        await doomed.KillAsync();

        var daemon = House.Start(Settings);
        var pool = (await daemon.WarmAsync()).Pools[0];

        Assert.All(pool.Vms, vm => Assert.Equal(MadeBy.Clone, vm.MadeBy));
        await Crash.AssertWholeAsync(House, daemon);
        Assert.Single(Versions());
        Assert.Empty(Drafts());
    }

    private string Templates => Path.Combine(House.RunDirectory, "templates");

    /// <summary>A step may be over before anybody could see it: then the template is there.</summary>
    private bool Reached(string step) => Versions().Count > 0 || step switch
    {
        "boots" => House.VmProcesses().Count > 0,
        "is saved" => Drafts().Any(d => File.Exists(Path.Combine(d, "state"))),
        "is proved" => House.VmProcesses().Any(pid => Processes.CommandLine(pid).Contains("-incoming", StringComparison.Ordinal)),
        "is written" => Drafts().Any(d => File.Exists(Path.Combine(d, "memory"))),
        _ => false,
    };

    private IReadOnlyList<string> Drafts() => Directories(".new-*");

    private IReadOnlyList<string> Versions() => [.. Directories("*").Where(d => char.IsAsciiDigit(Path.GetFileName(d)[0]) && Path.GetFileName(d).Length < 64)];

    private IReadOnlyList<string> Directories(string pattern)
    {
        try
        {
            return Directory.Exists(Templates) ? [.. Directory.GetDirectories(Templates).SelectMany(d => Directory.GetDirectories(d, pattern))] : [];
        }
        catch (DirectoryNotFoundException)
        {
            // Published, or removed, in this moment.
            return [];
        }
    }
}
