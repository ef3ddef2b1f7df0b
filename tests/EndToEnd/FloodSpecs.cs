using System.Diagnostics;
using Google.Protobuf;
using VmCacheCluster.Client;
using VmCacheCluster.Contracts.V1;
using VmCacheCluster.Tests.EndToEnd.Support;
using VmCacheCluster.Tests.TestSupport;

namespace VmCacheCluster.Tests.EndToEnd;

/// <summary>What a daemon is after a flood of calls.</summary>
[Trait("Category", "Fake")]
[Collection(AloneCollection.Name)]
public sealed class FloodSpecs : HouseSpecs
{
    private const int Callers = 64;
    private const int CallsOfEach = 12;

    [Fact]
    public async Task Gives_the_memory_back_that_a_flood_of_large_calls_took()
    {
        var daemon = House.Start(House.Fakes(1));
        await daemon.WarmAsync();
        var before = Resident(daemon.Pid);
        var most = before;

        await Task.WhenAll(Enumerable.Range(0, Callers).Select(async _ =>
        {
            using var client = VmCacheClient.Open(House.Endpoint);
            var large = new AcquireOptions { Timeout = HandedOut.Timeout, Files = [new GuestFile { Path = "/f", Content = ByteString.CopyFrom(new byte[1 << 20]) }] };
            for (var i = 0; i < CallsOfEach; i++)
            {
                var refused = await Assert.ThrowsAsync<VmCacheException>(() => client.AcquireAsync("unknown", large));
                Assert.Equal("UNKNOWN_POOL", refused.Reason);
                lock (House) most = Math.Max(most, Resident(daemon.Pid));
            }
        }));

        Assert.True(most > before + 64, $"{before} MiB before and {most} MiB after: this was no flood");
        await Eventually.Async(
            () => Resident(daemon.Pid) < before + (most - before) * 2 / 3, "a third of it is given back",
            () => $"{before} MiB before, {most} MiB at most, {Resident(daemon.Pid)} MiB now");
    }

    private static long Resident(int pid)
    {
        using var process = Process.GetProcessById(pid);
        return process.WorkingSet64 >> 20;
    }
}
