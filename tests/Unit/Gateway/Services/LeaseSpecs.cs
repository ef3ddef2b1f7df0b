using Grpc.Core;
using VmCacheCluster.Actors.Gateway;
using VmCacheCluster.Client;
using VmCacheCluster.Contracts.V1;
using VmCacheCluster.Domain;

namespace VmCacheCluster.Tests.Unit.Gateway.Services;

public sealed class LeaseSpecs
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(30);
    private static readonly string Id = ServiceHost.Id.Value;

    [Fact]
    public async Task Renews_with_the_token_and_another_ttl()
    {
        await using var host = await ServiceHost.StartAsync(_ => new LeaseRenewed(ServiceHost.Id, ServiceHost.Noon, TimeSpan.FromMinutes(1)));

        var lease = await host.Client.RenewAsync(Id, ServiceHost.Token, TimeSpan.FromMinutes(1), Limit);

        var asked = host.Gateway.Only<RenewLease>();
        Assert.Equal((ServiceHost.Id, ServiceHost.Token, TimeSpan.FromMinutes(1)), (asked.Id, asked.Token.Value, asked.Ttl));
        Assert.Equal((ServiceHost.Token, ServiceHost.Noon, TimeSpan.FromMinutes(1)), (lease.Token, lease.ExpiresAt.ToDateTimeOffset(), lease.Ttl.ToTimeSpan()));
    }

    [Fact]
    public async Task Releases_with_and_without_a_token()
    {
        await using var host = await ServiceHost.StartAsync(_ => new VmReleased(ServiceHost.Id));

        await host.Client.ReleaseAsync(Id, Limit, default, ServiceHost.Token);
        await host.Client.ReleaseAsync(Id, Limit);

        Assert.Equal([ServiceHost.Token, null], host.Gateway.Messages.OfType<ReleaseVm>().Select(r => r.Token?.Value));
    }

    [Theory]
    [InlineData(RefusalKind.StaleToken, StatusCode.FailedPrecondition, "STALE_TOKEN")]
    [InlineData(RefusalKind.NotFound, StatusCode.NotFound, "UNKNOWN_VM")]
    [InlineData(RefusalKind.WrongState, StatusCode.FailedPrecondition, "WRONG_STATE")]
    [InlineData(RefusalKind.Invalid, StatusCode.InvalidArgument, "INVALID_WISH")]
    [InlineData(RefusalKind.Unfinished, StatusCode.FailedPrecondition, "END_INCOMPLETE")]
    public async Task Tells_each_refusal(RefusalKind kind, StatusCode code, string reason)
    {
        await using var host = await ServiceHost.StartAsync(_ => new VmRefused(ServiceHost.Id, kind, "because"));
        Func<Task>[] calls =
        [
            () => host.Client.RenewAsync(Id, ServiceHost.Token, null, Limit),
            () => host.Client.ReleaseAsync(Id, Limit, default, ServiceHost.Token),
            () => host.Client.GetAsync(Id, Limit),
            () => ExecAsync(host),
        ];

        foreach (var call in calls)
        {
            var fault = await Assert.ThrowsAsync<VmCacheException>(call);
            Assert.Equal((code, reason, "because"), (fault.Code, fault.Reason, fault.Message));
        }
    }

    [Theory]
    [InlineData("../etc", "BAD_VM_ID", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa")]
    [InlineData("0b1d8a52-6c0e-4a55-9d5c-1f0f6f3b9a10", "BAD_TOKEN", "secret")]
    [InlineData("0b1d8a52-6c0e-4a55-9d5c-1f0f6f3b9a10", "BAD_TOKEN", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")]
    public async Task Refuses_what_is_no_id_and_what_is_no_token_and_repeats_no_token(string id, string reason, string token)
    {
        await using var host = await ServiceHost.StartAsync();

        var renew = await Assert.ThrowsAsync<VmCacheException>(() => host.Client.RenewAsync(id, token, null, Limit));
        var release = await Assert.ThrowsAsync<VmCacheException>(() => host.Client.ReleaseAsync(id, Limit, default, token));

        Assert.Equal((reason, reason, StatusCode.InvalidArgument), (renew.Reason, release.Reason, renew.Code));
        Assert.DoesNotContain(token, renew.Message);
        Assert.Empty(host.Gateway.Messages);
    }

    [Fact]
    public async Task Refuses_a_ttl_that_is_none()
    {
        await using var host = await ServiceHost.StartAsync();

        var fault = await Assert.ThrowsAsync<VmCacheException>(() => host.Client.RenewAsync(Id, ServiceHost.Token, TimeSpan.FromSeconds(-1), Limit));

        Assert.Equal("INVALID_REQUEST", fault.Reason);
    }

    [Fact]
    public async Task Lists_vms_by_pool_and_state()
    {
        var other = "11111111-6c0e-4a55-9d5c-1f0f6f3b9a10";
        var lease = ServiceHost.View(VmPhase.Leased) with
        {
            Lease = ServiceHost.Lease(Sandbox("sb"), ("a", "b")), ExpiresAt = ServiceHost.Noon, Size = new VmSize(4, 1024),
        };
        var pool = new VmCacheCluster.Actors.Gateway.PoolView(
            PoolName.Default, null, 1, 1, 0, 1, 0, "", Accelerator.Tcg, "", [lease, ServiceHost.View(VmPhase.Warm, other)], []);
        await using var host = await ServiceHost.StartAsync(m => m is GetNodeView ? new NodeView([pool], false) : pool);

        var all = await host.Client.ListAsync("", [], Limit);
        var leased = await host.Client.ListAsync("default", [VmState.Leased], Limit);

        Assert.Equal([other, Id], all.Select(v => v.Id));
        var vm = Assert.Single(leased);
        Assert.Equal((Id, 4u, 1024u, "sb", "b"), (vm.Id, vm.Cpus, vm.MemoryMib, vm.SandboxId, vm.Labels["a"]));
        Assert.Equal(ServiceHost.Noon, vm.ExpiresAt.ToDateTimeOffset());
    }

    [Fact]
    public async Task Names_the_pools_that_there_are_when_asked_for_another()
    {
        await using var host = await ServiceHost.StartAsync();

        var list = await Assert.ThrowsAsync<VmCacheException>(() => host.Client.ListAsync("other", [], Limit));
        var watch = await Assert.ThrowsAsync<VmCacheException>(async () => await host.Client.WatchAsync("other").GetAsyncEnumerator().MoveNextAsync());

        Assert.Equal(("UNKNOWN_POOL", "UNKNOWN_POOL"), (list.Reason, watch.Reason));
        Assert.Contains("there is: default", list.Message);
    }

    [Fact]
    public async Task Drains_the_host()
    {
        await using var host = await ServiceHost.StartAsync(_ => new NodeDrained(3, 2));

        var drained = await host.Client.DrainAsync(Limit);

        Assert.Equal((3u, 2u), (drained.WarmGivenUp, drained.LeasedLeft));
        host.Gateway.Only<DrainNode>();
    }

    private static Task<ExecExited> ExecAsync(ServiceHost host) => host.Client.ExecAsync(
        Id, ServiceHost.Token, new GuestProgram { Args = ["true"] }, null, _ => ValueTask.CompletedTask, _ => ValueTask.CompletedTask);

    private static SandboxId Sandbox(string text) => SandboxId.TryParse(text, out var id) ? id : throw new ArgumentException(text);
}
