using System.Globalization;
using VmCacheCluster.Agent.Kata;
using VmCacheCluster.Agent;
using Xunit;

namespace VmCacheCluster.Tests.Qemu.Guest;

[Trait("Category", "Qemu")]
[Collection(GuestCollection.Name)]
public sealed class GuestAgentSpecs(BootedGuest guest) : IAsyncLifetime
{
    private TtrpcClient _client = null!;
    private AgentClient _agent = null!;

    public async Task InitializeAsync()
    {
        _client = await guest.ConnectAsync();
        _agent = new AgentClient(_client);
    }

    public async Task DisposeAsync() => await _client.DisposeAsync();

    [Fact]
    public async Task Says_that_it_serves_when_checked() => Assert.True(await _agent.CheckAsync(CancellationToken.None));

    [Fact]
    public async Task Tells_its_version_when_asked()
    {
        var version = await _agent.VersionAsync(CancellationToken.None);

        Assert.Equal("0.0.1", version.GrpcVersion);
        Assert.Matches(@"^\d+\.\d+\.\d+$", version.AgentVersion);
    }

    [Fact]
    public async Task Has_the_modules_of_vsock_and_leaves_them_alone_without_the_device()
    {
        Assert.Contains("/lib/modules/vmw_vsock_virtio_transport.ko", (await _client.RunAsync("sh", "-c", "ls /lib/modules/*")).Output, StringComparison.Ordinal);
        Assert.DoesNotContain("vsock", (await _client.RunAsync("cat", "/proc/modules")).Output, StringComparison.Ordinal);

        // They would be loaded: nothing that they depend on is missing.
        var loaded = await _client.RunAsync(
            "sh", "-c", "grep vsock /lib/modules/order | while read f; do insmod /lib/modules/$f || exit 1; done; cut -d ' ' -f 1 /proc/modules");

        Assert.Equal(0, loaded.Exited.Status);
        Assert.Contains("vmw_vsock_virtio_transport\n", loaded.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Takes_entropy_again_and_again_when_reseeded()
    {
        var entropy = new byte[512];
        Random.Shared.NextBytes(entropy);

        await _agent.ReseedRandomDevAsync(entropy, CancellationToken.None);
        await _agent.ReseedRandomDevAsync(entropy, CancellationToken.None);

        var first = await _client.RunAsync("sh", "-c", "head -c 16 /dev/urandom | od -An -tx1");
        var second = await _client.RunAsync("sh", "-c", "head -c 16 /dev/urandom | od -An -tx1");
        Assert.NotEqual(first.Output, second.Output);
    }

    [Fact]
    public async Task Refuses_to_reseed_when_there_is_no_entropy()
    {
        var fault = await Assert.ThrowsAsync<TtrpcStatusException>(() => _agent.ReseedRandomDevAsync(default, CancellationToken.None));

        Assert.Equal(TtrpcStatusCode.InvalidArgument, fault.Code);
        Assert.Contains("entropy", fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Goes_on_from_the_time_it_is_given_when_its_clock_is_set()
    {
        var wanted = new DateTimeOffset(2031, 4, 5, 6, 7, 8, TimeSpan.Zero);

        await _agent.SetGuestDateTimeAsync(wanted, CancellationToken.None);

        var read = long.Parse((await _client.RunAsync("date", "-u", "+%s")).Output, CultureInfo.InvariantCulture) - wanted.ToUnixTimeSeconds();
        Assert.InRange(read, 0, (long)BootedGuest.Patience.TotalSeconds);
    }

    [Theory]
    [InlineData(0L, 0L)]
    [InlineData(-5L, 0L)]
    [InlineData(1_700_000_000L, 1_000_000L)]
    [InlineData(1_700_000_000L, -1L)]
    [InlineData(long.MaxValue, 0L)]
    public async Task Leaves_its_clock_alone_when_the_time_is_nonsense(long seconds, long microseconds)
    {
        var request = new SetGuestDateTimeRequest { Sec = seconds, Usec = microseconds };

        var fault = await Assert.ThrowsAsync<TtrpcStatusException>(() => _client.CallAsync(
            AgentServices.Agent, "SetGuestDateTime", request, Google.Protobuf.WellKnownTypes.Empty.Parser, CancellationToken.None));

        Assert.Equal(TtrpcStatusCode.InvalidArgument, fault.Code);
    }

    [Fact]
    public async Task Tells_its_memory_block_size_when_asked_for_details()
    {
        var details = await _agent.GetGuestDetailsAsync(CancellationToken.None);

        var sysfs = (await _client.RunAsync("cat", "/sys/devices/system/memory/block_size_bytes")).Output.Trim();
        Assert.Equal(ulong.Parse(sysfs, NumberStyles.HexNumber, CultureInfo.InvariantCulture), details.MemBlockSizeBytes);
        Assert.True(details.AgentDetails.InitDaemon);
    }

    [Fact]
    public async Task Names_what_it_can_do_beyond_katas_agents()
    {
        var details = await _agent.GetGuestDetailsAsync(CancellationToken.None);

        Assert.True(details.Can(AgentAbilities.Prepare));
        Assert.True(details.Can(AgentAbilities.Exec));
    }

    [Fact]
    public async Task Answers_at_once_when_nothing_is_to_be_brought_online() =>
        await _agent.OnlineCpuMemAsync(wait: true, cpus: 0, cpuOnly: false, CancellationToken.None);

    [Fact]
    public async Task Names_the_method_when_it_has_none_such()
    {
        var fault = await Assert.ThrowsAsync<TtrpcStatusException>(() => _client.CallAsync(
            AgentServices.Agent, "CreateSandbox", new CheckRequest(), CheckRequest.Parser, CancellationToken.None));

        Assert.Equal(TtrpcStatusCode.Unimplemented, fault.Code);
        Assert.Contains("CreateSandbox", fault.Message, StringComparison.Ordinal);
    }
}
