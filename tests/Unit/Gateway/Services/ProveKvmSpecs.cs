using Grpc.Core;
using VmCacheCluster.Actors.Gateway;
using VmCacheCluster.Client;
using VmCacheCluster.Domain;
using Xunit;

namespace VmCacheCluster.Tests.Unit.Gateway.Services;

/// <summary>Admin.ProveKvm, by the client.</summary>
public sealed class ProveKvmSpecs
{
    [Fact]
    public async Task Names_the_pools_whose_guests_are_proved()
    {
        await using var host = await ServiceHost.StartAsync(message => message is ProveKvmAnew ? new KvmProofsBegun([new PoolName("runner"), PoolName.Default]) : null);

        Assert.Equal(["default", "runner"], await host.Client.ProveKvmAsync(ServiceHost.Patience));
    }

    [Fact]
    public async Task Says_where_refusals_are_kept_that_cannot_be_forgotten()
    {
        await using var host = await ServiceHost.StartAsync(message => message is ProveKvmAnew ? new KvmNotProved("No space left on device") : null);

        var refused = await Assert.ThrowsAsync<VmCacheException>(() => host.Client.ProveKvmAsync(ServiceHost.Patience));

        Assert.Equal(StatusCode.Internal, refused.Code);
        Assert.Contains("No space left on device (vmcache.run-dir)", refused.Message, StringComparison.Ordinal);
    }
}
