using VmCacheCluster.Client;
using VmCacheCluster.Tests.EndToEnd.Support;
using VmCacheCluster.Tests.TestSupport;

namespace VmCacheCluster.Tests.EndToEnd;

/// <summary>Somebody removes a socket of a daemon that runs.</summary>
[Trait("Category", "Fake")]
public sealed class LostEndpointSpecs : HouseSpecs
{
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Makes_its_sockets_again_and_keeps_the_connections_that_there_are(bool withDirectory)
    {
        var (socket, ofPool) = (House.At("d/c.sock"), House.At("d/p.sock"));
        var settings = $"{House.Fakes(1)}\npools {{ other {{ endpoint = \"{ofPool}\", vm-cache-number = 1 }} }}";
        var daemon = House.StartAt(socket, settings);
        await daemon.WarmAsync();
        await daemon.WarmAsync("other");
        using var watching = new CancellationTokenSource(Eventually.Patience);
        await using var events = daemon.Client.WatchAsync(cancel: watching.Token).GetAsyncEnumerator(watching.Token);
        Assert.True(await events.MoveNextAsync());

        if (withDirectory) Directory.Delete(House.At("d"), recursive: true);
        else Array.ForEach([socket, ofPool], File.Delete);

        await Eventually.Async(() => new[] { socket, ofPool }.All(s => File.Exists(s) && File.GetUnixFileMode(s) == OwnerOnly), "the sockets are there again, and 0600");
        using var later = VmCacheClient.Open(socket);
        Assert.Equal(daemon.Pid, (await later.GetStatusAsync(HandedOut.Timeout)).Pid);
        using var kata = VmCacheClient.Open(ofPool);
        var vm = await kata.GetBaseVmAsync(HandedOut.Timeout);
        Assert.Equal("other", (await later.GetAsync(vm.Id, HandedOut.Timeout)).Pool);
        // What happened to that VM comes by the stream of before.
        do Assert.True(await events.MoveNextAsync());
        while (events.Current.Vm?.Id != vm.Id || events.Current.Vm.State != Contracts.V1.VmState.Leased);
        await watching.CancelAsync();
    }

    [Fact]
    public async Task Says_so_when_it_cannot_make_its_socket_again_until_it_can()
    {
        var daemon = House.Start(House.Fakes(0));
        await daemon.ReadyAsync();
        File.Delete(House.Endpoint);
        Directory.CreateDirectory(House.Endpoint);

        await Eventually.Async(() => daemon.Log.Contains("is not reachable there", StringComparison.Ordinal), "it says that it is not reachable");

        Directory.Delete(House.Endpoint);
        await daemon.ReadyAsync();
    }
}
