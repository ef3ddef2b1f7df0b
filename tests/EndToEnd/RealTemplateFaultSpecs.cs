using System.Security.Cryptography;
using System.Text.Json.Nodes;
using VmCacheCluster.Contracts.V1;
using VmCacheCluster.Tests.EndToEnd.Support;
using VmCacheCluster.Tests.TestSupport;

namespace VmCacheCluster.Tests.EndToEnd;

/// <summary>What a daemon does with templates that are not what they should be, or cannot be made: with real VMs.</summary>
[Trait("Category", "Qemu")]
[Collection(QemuCollection.Name)]
public sealed class RealTemplateFaultSpecs(StoredTemplate stored) : IAsyncLifetime
{
    private House House { get; } = new() { Patience = TimeSpan.FromMinutes(5) };

    private string Templates => House.At("templates");

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync() => await House.DisposeAsync();

    [Fact]
    public async Task Starts_from_a_disk_after_the_host_was_booted()
    {
        // Of an earlier boot there is no run directory left, and the template is.
        var version = await stored.CopyToAsync(Templates);

        var daemon = House.Start(StoredTemplate.Settings(Templates));

        var status = await daemon.WarmAsync();
        StoredTemplate.AssertAll(MadeBy.Clone, status);
        Assert.DoesNotContain(status.Pools[0].Events, e => e.What.Contains("made", StringComparison.Ordinal));
        Assert.True(Directory.Exists(version));
    }

    [Fact]
    public async Task Makes_another_one_and_says_why_when_the_stored_one_is_truncated()
    {
        var version = await stored.CopyToAsync(Templates);
        using (var memory = File.OpenHandle(Path.Combine(version, "memory"), FileMode.Open, FileAccess.ReadWrite)) RandomAccess.SetLength(memory, 4096);

        var daemon = House.Start(StoredTemplate.Settings(Templates));

        var status = await daemon.WarmAsync();
        Assert.Contains(status.Pools[0].Events, e => e.What.Contains("was removed: its memory is truncated", StringComparison.Ordinal));
        StoredTemplate.AssertAll(MadeBy.Clone, status);
        Assert.False(Directory.Exists(version));
        await Crash.AssertWholeAsync(House, daemon);
    }

    [SkippableFact]
    public async Task Boots_and_says_why_when_the_stored_one_belongs_to_somebody_else()
    {
        var version = await stored.CopyToAsync(Templates);
        var refusal = await HostTool.RunAsync("chown", "65534", Path.GetDirectoryName(version)!);
        Skip.If(refusal is not null, $"a directory cannot be given away here: {refusal}");

        var daemon = House.Start(StoredTemplate.Settings(Templates));

        var status = await daemon.WarmAsync();
        Assert.Contains("belongs to user 65534", status.Pools[0].RefillReason, StringComparison.Ordinal);
        StoredTemplate.AssertAll(MadeBy.Boot, status);
        Assert.True(File.Exists(Path.Combine(version, "memory")));
    }

    [Fact]
    public async Task Makes_another_one_and_says_why_when_clones_die_on_restore()
    {
        var version = await stored.CopyToAsync(Templates);
        // Whole, as far as digests tell.
        var state = await File.ReadAllBytesAsync(Path.Combine(version, "state"));
        state = state[..(state.Length / 2)];
        await File.WriteAllBytesAsync(Path.Combine(version, "state"), state);
        var description = JsonNode.Parse(await File.ReadAllTextAsync(Path.Combine(version, "template.json")))!;
        description["stateDigest"] = Convert.ToHexStringLower(SHA256.HashData(state));
        await File.WriteAllTextAsync(Path.Combine(version, "template.json"), description.ToJsonString());

        var daemon = House.Start(StoredTemplate.Settings(Templates));

        var status = await daemon.PoolAsync(
            p => p.Warm == p.Target && p.Warming == 0 && p.Refill == "clone" && p.Events.Any(e => e.What == "its template was made and proved"), "it clones another one");
        Assert.Contains(status.Pools[0].Events, e => e.What.Contains("QEMU does not load the template", StringComparison.Ordinal));
        Assert.False(Directory.Exists(version));
        await Crash.AssertWholeAsync(House, daemon);
    }

    [SkippableFact]
    public async Task Boots_and_says_why_when_there_is_no_space_for_a_template()
    {
        Directory.CreateDirectory(Templates);
        var refusal = await HostTool.RunAsync("mount", "-t", "tmpfs", "-o", "size=4m,mode=700", "tmpfs", Templates);
        Skip.If(refusal is not null, $"a small file system cannot be mounted here: {refusal}");
        House.AtEnd(() => HostTool.RunAsync("umount", "-l", Templates).GetAwaiter().GetResult());

        var daemon = House.Start(StoredTemplate.Settings(Templates));

        var status = await daemon.WarmAsync();
        Assert.Contains("No space left on device", status.Pools[0].RefillReason, StringComparison.Ordinal);
        StoredTemplate.AssertAll(MadeBy.Boot, status);
        Assert.Empty(Directory.GetFiles(Templates, "memory", SearchOption.AllDirectories));
    }

    [Fact]
    public async Task Is_made_once_by_two_daemons_that_share_a_directory()
    {
        await using var other = new House { Patience = House.Patience };
        var settings = StoredTemplate.Settings(Templates, refill: "clone");

        var (first, second) = (House.Start(settings), other.Start(settings));

        var statuses = new[] { await first.WarmAsync(), await second.WarmAsync() };
        Assert.All(statuses, s => StoredTemplate.AssertAll(MadeBy.Clone, s));
        Assert.Single(statuses, s => s.Pools[0].Events.Any(e => e.What == "its template was made and proved"));
        Assert.Single(Directory.GetDirectories(Assert.Single(Directory.GetDirectories(Templates))));
        await Crash.AssertWholeAsync(House, first);
        await Crash.AssertWholeAsync(other, second);
    }
}
