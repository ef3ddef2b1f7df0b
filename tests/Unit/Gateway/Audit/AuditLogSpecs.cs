using VmCacheCluster.Client;
using VmCacheCluster.Contracts.V1;
using VmCacheCluster.Domain;
using VmCacheCluster.Gateway.Audit;
using VmCacheCluster.Kata.Wire;
using VmCacheCluster.Tests.TestSupport;
using VmCacheCluster.Tests.Unit.Gateway.Services;

namespace VmCacheCluster.Tests.Unit.Gateway.Audit;

/// <summary>Who changed what is in the log, and no secret with it.</summary>
public sealed class AuditLogSpecs : IDisposable
{
    private static readonly TimeSpan Limit = ServiceHost.Patience;
    private static readonly string Id = ServiceHost.Id.Value;
    private static readonly string Us = $"user {Hypervisor.Qemu.Records.Trust.Us} of this host, process {Environment.ProcessId}";

    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("vmc-audit");

    public void Dispose() => _directory.Delete(recursive: true);

    [Fact]
    public void Knows_of_every_method_whether_it_is_audited()
    {
        var methods = CacheService.Descriptor.Methods.Concat(VmCache.Descriptor.Methods).Concat(Admin.Descriptor.Methods);

        Assert.All(methods, method => Assert.True(AuditedCalls.Knows($"/{method.Service.FullName}/{method.Name}"), method.FullName));
    }

    [Fact]
    public async Task Tells_who_took_a_vm_used_it_and_gave_it_back()
    {
        var guest = new ScriptedGuest();
        await using var host = await ServiceHost.StartAsync();
        host.PlayPool(guest);

        await host.Calls.AcquireAsync(new AcquireRequest { Labels = { ["secret"] = "label" } });
        guest.Exit(0);
        await host.Client.ExecAsync(Id, ServiceHost.Token, new GuestProgram { Args = ["sh", "-c", "echo $PASSWORD"] }, null, _ => default, _ => default);
        // A stream's line is written after its caller has got the last message.
        await Eventually.Async(() => Lines(host).Count == 3, "the program's end is written");
        await host.Client.ReleaseAsync(Id, Limit, default, ServiceHost.Token);
        await host.Client.RenewAsync(Id, ServiceHost.Token, null, Limit);

        await Eventually.Async(() => Lines(host).Count == 4, "all is written");
        Assert.Equal(
            [
                $"Acquire from {Us}: VM {Id} of pool default: done",
                $"Exec from {Us}: a program in VM {Id}: begun",
                $"Exec from {Us}: a program in VM {Id}: done",
                $"Release from {Us}: VM {Id}: done",
            ],
            Lines(host));
        Assert.DoesNotContain(host.Log.Lines, line => line.Contains(ServiceHost.Token, StringComparison.Ordinal) || line.Contains("PASSWORD", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Tells_who_was_refused_and_what_right_was_missing()
    {
        using var authority = new PrivateAuthority(_directory.FullName);
        var at = FreePort.Address();
        await using var host = await ServiceHost.StartAsync(_ => null, tcp: new GatewayOptions
        {
            Listen = at, Advertise = at, Tls = authority.Sign("localhost"),
            Rights = new Dictionary<Right, IReadOnlyList<string>> { [Right.Acquire] = ["runner"] },
        });
        var files = authority.Sign("runner");
        using var runner = VmCacheClient.Open($"127.0.0.1:{at.Port}", new ClientTls(files.Certificate, files.Key, files.Authority));

        await Assert.ThrowsAsync<VmCacheException>(() => runner.ReleaseAsync(Id, Limit));
        await Assert.ThrowsAsync<VmCacheException>(() => runner.DrainAsync(Limit));

        await Eventually.Async(() => Lines(host).Count == 2, "both are written");
        Assert.Matches($"^Release from runner, 127.0.0.1:[0-9]+ by acquire: VM {Id}: refused, PermissionDenied$", Lines(host)[0]);
        Assert.Matches("^Drain from runner, 127.0.0.1:[0-9]+ by operate: refused, PermissionDenied$", Lines(host)[1]);
    }

    [Fact]
    public async Task Is_no_longer_for_what_a_caller_writes()
    {
        await using var host = await ServiceHost.StartAsync(_ => null);

        await Assert.ThrowsAsync<VmCacheException>(() => host.Client.ReleaseAsync(new string('x', 100_000), Limit));

        await Eventually.Async(() => Lines(host).Count == 1, "it is written");
        Assert.InRange(Lines(host)[0].Length, 200, 400);
    }

    private static List<string> Lines(ServiceHost host)
    {
        const string start = "Information: " + AuditLog.Category + ": ";
        return [.. host.Log.Lines.Where(line => line.StartsWith(start, StringComparison.Ordinal)).Select(line => line[start.Length..].TrimEnd())];
    }
}
