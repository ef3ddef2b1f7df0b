using VmCacheCluster.Tests.EndToEnd.Support;

namespace VmCacheCluster.Tests.EndToEnd;

/// <summary>What a guest writes to its console, and a QEMU to its log, reaches people by way of log, status and events.</summary>
[Trait("Category", "Fake")]
public sealed class ForeignTextSpecs : HouseSpecs
{
    /// <summary>A new title, a cleared screen, the other direction of writing.</summary>
    private const string Hostile = "panic \e]0;owned\a\e[2J\u202egnp\u2066\u009b31m end";

    [Fact]
    public async Task Shows_what_a_terminal_would_obey_when_a_boot_fails()
    {
        var daemon = House.Start($$"""
            {{House.Fakes(1, "agent=never", $"console=guest {Hostile}")}}
            boot-timeout = 2s
            pools.starts { kernel = "{{House.Kernel("starts", $"exit-at-start=1:qemu {Hostile}")}}" }
            """);
        var status = await daemon.PoolAsync(p => p.Reason.Contains("guest panic", StringComparison.Ordinal), "the guest's words are the reason");
        status = await daemon.PoolAsync(p => p.Reason.Contains("qemu panic", StringComparison.Ordinal), "QEMU's words are the reason", "starts");

        Assert.All(status.Pools.Where(p => p.Reason.Contains("panic", StringComparison.Ordinal)), p => AssertShown(p.Reason));
        Assert.Contains(status.Pools, p => p.Events.Count > 0);
        Assert.All(status.Pools.SelectMany(p => p.Events).Where(e => e.What.Contains("panic", StringComparison.Ordinal)), e => AssertShown(e.What));
        AssertShown(daemon.Log);
        AssertShown((await CliRun.SucceedingAsync(House.Endpoint, "status", "-o", "wide")).Out);
        AssertShown((await CliRun.SucceedingAsync(House.Endpoint, "status", "-o", "json")).Out.Replace("\\\\u", "\\u", StringComparison.Ordinal));
    }

    private static void AssertShown(string text)
    {
        Assert.Contains("owned", text, StringComparison.Ordinal);
        Assert.Contains("\\u202egnp\\u2066", text, StringComparison.Ordinal);
        Assert.DoesNotContain(text, c => char.IsControl(c) && c != '\n');
        Assert.DoesNotContain(text, c => c is '\u202e' or '\u2066');
    }
}
