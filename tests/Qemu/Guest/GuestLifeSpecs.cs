using VmCacheCluster.Agent;
using Xunit;

namespace VmCacheCluster.Tests.Qemu.Guest;

/// <summary>Each of these needs a guest of its own, which is another one afterwards.</summary>
[Trait("Category", "Qemu")]
[Collection("guests of their own")]
public sealed class GuestLifeSpecs
{
    [Theory]
    [InlineData("poweroff")]
    [InlineData("reboot")]
    public async Task Ends_the_machine_when_told_to_from_inside(string program)
    {
        await using var guest = await StartAsync();
        var client = await guest.Value.ConnectAsync();

        // The answer may come or not: the program's group is killed with all others.
        var run = client.RunAsync(program);

        Assert.Contains("SHUTDOWN", await guest.Value.EventsUntilExitAsync());
        await client.DisposeAsync();
        await Assert.ThrowsAnyAsync<TtrpcException>(async () =>
        {
            await run;
            throw new TtrpcConnectionException("the program ended before the machine did");
        });
    }

    [Fact]
    public async Task Tells_the_host_when_its_kernel_panics()
    {
        await using var guest = await StartAsync();
        await using var client = await guest.Value.ConnectAsync();
        var run = client.RunAsync("sh", "-c", "echo c >/proc/sysrq-trigger");

        Assert.Contains("GUEST_PANICKED", await guest.Value.EventsUntilExitAsync());
        await Assert.ThrowsAsync<TtrpcConnectionException>(() => run);
    }

    [Fact]
    public async Task Brings_processor_and_memory_online_when_they_are_plugged_in()
    {
        await using var guest = await StartAsync();
        await using var client = await guest.Value.ConnectAsync();
        var memory = await MemoryAsync(client);
        await guest.Value.QmpAsync("device_add", new Dictionary<string, object>
        {
            ["driver"] = "max-x86_64-cpu", ["id"] = "cpu1", ["socket-id"] = 0, ["core-id"] = 1, ["thread-id"] = 0,
        });
        await guest.Value.QmpAsync("object-add", new Dictionary<string, object>
        {
            ["qom-type"] = "memory-backend-ram", ["id"] = "mem1", ["size"] = 128 << 20,
        });
        await guest.Value.QmpAsync("device_add", new Dictionary<string, object> { ["driver"] = "pc-dimm", ["id"] = "dimm1", ["memdev"] = "mem1" });

        await new AgentClient(client).OnlineCpuMemAsync(wait: true, cpus: 1, cpuOnly: false, CancellationToken.None);

        Assert.Equal("2\n", (await client.RunAsync("nproc")).Output);
        Assert.True(await client.BecomesAsync($"free -m | awk '/^Mem/ {{print ($2 > {memory} + 100)}}'", "1"));
    }

    private static async Task<string> MemoryAsync(TtrpcClient client) =>
        (await client.RunAsync("sh", "-c", "free -m | awk '/^Mem/ {print $2}'")).Output.Trim();

    private static async Task<OwnGuest> StartAsync()
    {
        var guest = new OwnGuest(new BootedGuest());
        await guest.Value.InitializeAsync();
        return guest;
    }

    private sealed record OwnGuest(BootedGuest Value) : IAsyncDisposable
    {
        public async ValueTask DisposeAsync() => await Value.DisposeAsync();
    }
}
