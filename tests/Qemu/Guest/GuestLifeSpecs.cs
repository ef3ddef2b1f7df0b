using System.Globalization;
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
        await PlugMemoryAsync(guest.Value, mebibytes: 128);
        await guest.Value.QmpAsync("device_add", new Dictionary<string, object>
        {
            ["driver"] = "max-x86_64-cpu", ["id"] = "cpu1", ["socket-id"] = 0, ["core-id"] = 1, ["thread-id"] = 0,
        });

        await new AgentClient(client).OnlineCpuMemAsync(wait: true, cpus: 2, cpuOnly: false, CancellationToken.None);

        Assert.Equal("2\n", (await client.RunAsync("nproc")).Output);
        Assert.InRange(await MemoryAsync(client), memory + 120, memory + 128);
    }

    [Fact]
    public async Task Has_all_memory_online_when_it_answers_however_late_it_was_plugged_in()
    {
        await using var guest = await StartAsync();
        await using var client = await guest.Value.ConnectAsync();
        var memory = await MemoryAsync(client);
        foreach (var device in (string[])["1", "2"])
        {
            await PlugMemoryAsync(guest.Value, mebibytes: 256, device);
            await new AgentClient(client).OnlineCpuMemAsync(wait: true, cpus: 0, cpuOnly: false, CancellationToken.None);

            memory += 256;
            Assert.InRange(await MemoryAsync(client), memory - 16, memory);
        }
    }

    [Fact]
    public async Task Says_what_is_missing_when_less_comes_online_than_is_wanted()
    {
        await using var guest = await StartAsync();
        await using var client = await guest.Value.ConnectAsync();
        await PlugMemoryAsync(guest.Value, mebibytes: 64);

        var fault = await Assert.ThrowsAsync<TtrpcStatusException>(
            () => new AgentClient(client).OnlineCpuMemAsync(wait: true, cpus: 3, cpuOnly: false, CancellationToken.None));

        Assert.Equal(TtrpcStatusCode.FailedPrecondition, fault.Code);
        Assert.Contains("only 1 of 3 vCPUs are online", fault.Message, StringComparison.Ordinal);
        Assert.Contains("memory of 1 plugged device", fault.Message, StringComparison.Ordinal);
        Assert.Contains("multiples of 128 MiB", fault.Message, StringComparison.Ordinal);
    }

    private static async Task PlugMemoryAsync(BootedGuest guest, int mebibytes, string device = "1")
    {
        await guest.QmpAsync("object-add", new Dictionary<string, object>
        {
            ["qom-type"] = "memory-backend-ram", ["id"] = $"mem{device}", ["size"] = mebibytes << 20,
        });
        await guest.QmpAsync("device_add", new Dictionary<string, object>
        {
            ["driver"] = "pc-dimm", ["id"] = $"dimm{device}", ["memdev"] = $"mem{device}",
        });
    }

    /// <summary>What the kernel has, in MiB.</summary>
    private static async Task<int> MemoryAsync(TtrpcClient client) =>
        int.Parse((await client.RunAsync("sh", "-c", "free -m | awk '/^Mem/ {print $2}'")).Output, CultureInfo.InvariantCulture);

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
