using System.Net;
using System.Net.Sockets;
using VmCacheCluster.Actors.Gateway;
using VmCacheCluster.Client;
using VmCacheCluster.Contracts.V1;
using VmCacheCluster.Domain;
using VmCacheCluster.Gateway.Callers;
using VmCacheCluster.Tests.TestSupport;
using VmCacheCluster.Tests.Unit.Gateway.Services;
using VmSocket = VmCacheCluster.Contracts.V1.VmSocket;

namespace VmCacheCluster.Tests.Unit.Gateway.Callers;

/// <summary>What a caller on another machine may do depends on what it asks, not on the method alone.</summary>
public sealed class RemoteCallerSpecs : IDisposable
{
    private static readonly TimeSpan Limit = ServiceHost.Patience;
    private static readonly string Id = ServiceHost.Id.Value;

    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("vmc-rc");
    private readonly PrivateAuthority _authority;
    private readonly NodeAddress _at = FreePort.Address();

    public RemoteCallerSpecs() => _authority = new PrivateAuthority(_directory.FullName);

    public void Dispose()
    {
        _authority.Dispose();
        _directory.Delete(recursive: true);
    }

    [Fact]
    public async Task Is_led_to_a_monitor_only_with_the_right_to_operate()
    {
        await using var vm = new VmEnd();
        await using var host = await StartAsync(_ => vm.Lent);
        using var runner = Client("runner");
        using var admin = Client("admin");

        var refusal = await Assert.ThrowsAsync<VmCacheException>(() => runner.ConnectAsync(Id, ServiceHost.Token, VmSocket.Qmp));

        Assert.Equal("PERMISSION_DENIED", refusal.Reason);
        Assert.Contains("Connect to a VM's monitor (QMP) needs the right to operate, which 'runner' does not have: see vmcache.gateway.rights", refusal.Message, StringComparison.Ordinal);
        Assert.Empty(host.Gateway.Messages);
        foreach (var (client, socket) in new[] { (runner, VmSocket.Console), (admin, VmSocket.Qmp) })
        {
            var accepting = vm.AcceptAsync();
            await using var stream = await client.ConnectAsync(Id, ServiceHost.Token, socket);
            await using var guest = await accepting;
        }

        Assert.Equal([VmCacheCluster.Domain.VmSocket.Console, VmCacheCluster.Domain.VmSocket.Qmp], host.Gateway.Messages.OfType<UseSocket>().Select(u => u.Socket));
    }

    [Fact]
    public async Task Releases_what_has_no_token_only_with_the_right_to_operate()
    {
        await using var host = await StartAsync(_ => new VmReleased(ServiceHost.Id));
        using var runner = Client("runner");
        using var admin = Client("admin");

        var refusal = await Assert.ThrowsAsync<VmCacheException>(() => runner.ReleaseAsync(Id, Limit));

        Assert.Equal("PERMISSION_DENIED", refusal.Reason);
        Assert.Empty(host.Gateway.Messages);
        await runner.ReleaseAsync(Id, Limit, default, ServiceHost.Token);
        await admin.ReleaseAsync(Id, Limit);
        Assert.Equal([ServiceHost.Token, null], host.Gateway.Messages.OfType<ReleaseVm>().Select(r => r.Token?.Value));
    }

    [Fact]
    public async Task Has_idempotency_keys_of_its_own_which_outlive_its_certificate()
    {
        await using var host = await StartAsync(_ => null);
        var options = new AcquireOptions { IdempotencyKey = "job-7" };
        async Task<string> KeyAsync(VmCacheClient client)
        {
            using var over = new CancellationTokenSource();
            // Other messages do not count: the cancelled call before this one may still send its own.
            List<AcquireBaseVm> Asked() => [.. host.Gateway.Messages.OfType<AcquireBaseVm>()];
            var before = Asked().Count;
            var call = client.AcquireAsync("", options, over.Token);
            await Eventually.Async(() => Asked().Count > before, "it is asked for a VM");
            await over.CancelAsync();
            await Assert.ThrowsAnyAsync<Exception>(() => call);
            return Asked()[^1].Wish!.IdempotencyKey;
        }

        using var local = VmCacheClient.Open(host.Endpoint);
        using var runner = Client("runner");
        using var admin = Client("admin");
        var (own, others, first) = (await KeyAsync(runner), await KeyAsync(admin), await KeyAsync(local));
        using var renewed = Client("runner");

        Assert.Equal("job-7", first);
        Assert.StartsWith("job-7@", own, StringComparison.Ordinal);
        Assert.Equal(3, new[] { first, own, others }.Distinct().Count());
        Assert.Equal(own, await KeyAsync(renewed));
    }

    [Fact]
    public void Keeps_long_keys_apart_within_what_every_node_takes()
    {
        var identity = new string('f', 32);
        var keys = new[] { "a", new string('a', 95), new string('a', 96), new string('a', 127) + "b", new string('a', 128), $"a@{identity}" };

        var owned = keys.Select(k => CallerKeys.Owned(k, identity)).ToList();

        Assert.Equal(keys.Length, owned.Distinct().Count());
        Assert.All(owned, k => Assert.InRange(k.Length, 1, 128));
        Assert.All(owned, k => Assert.EndsWith("@" + identity, k, StringComparison.Ordinal));
    }

    private Task<ServiceHost> StartAsync(Func<object, object?> onMessage) => ServiceHost.StartAsync(onMessage, tcp: new GatewayOptions
    {
        Listen = _at, Advertise = _at, Tls = _authority.Sign("localhost"),
        Rights = new Dictionary<Right, IReadOnlyList<string>> { [Right.Acquire] = ["runner"], [Right.Operate] = ["admin"] },
    });

    private VmCacheClient Client(string name)
    {
        var files = _authority.Sign(name);
        return VmCacheClient.Open($"127.0.0.1:{_at.Port}", new ClientTls(files.Certificate, files.Key, files.Authority));
    }
}
