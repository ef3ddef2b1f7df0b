using Microsoft.Extensions.Logging;
using VmCacheCluster.Domain;
using VmCacheCluster.Gateway.Cluster;
using VmCacheCluster.Tests.TestSupport;

namespace VmCacheCluster.Tests.Unit.Gateway.Cluster;

public sealed class PeerTrustSpecs : IDisposable
{
    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("vmc-pt");
    private readonly PrivateAuthority _authority;
    private readonly CapturedLog _log = new();
    private readonly ManualTime _time = new();
    private int _written;

    public PeerTrustSpecs()
    {
        _authority = new PrivateAuthority(_directory.FullName);
        _time.Advance(DateTimeOffset.UtcNow - _time.GetUtcNow());
    }

    public void Dispose()
    {
        _authority.Dispose();
        _directory.Delete(recursive: true);
    }

    /// <summary>Callers that come at once when the port opens.</summary>
    [Fact]
    public async Task Has_certificates_for_all_who_ask_first_at_the_same_time()
    {
        for (var round = 0; round < 20; round++)
        {
            var (trust, _) = Trust(TimeSpan.FromDays(60));
            using var start = new Barrier(4);
            var seen = await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => Task.Factory.StartNew(
                () =>
                {
                    start.SignalAndWait();
                    return trust.Current;
                },
                CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default)));

            Assert.NotNull(trust.Current);
            Assert.All(seen, identity => Assert.Same(trust.Current, identity));
        }
    }

    [Fact]
    public void Uses_new_certificates_without_a_restart_and_tells_their_dates()
    {
        var (trust, files) = Trust(TimeSpan.FromDays(60));
        var first = trust.Reload()!;

        Replace(files, TimeSpan.FromDays(90));
        trust.Watch();

        var second = trust.Current!;
        Assert.NotSame(first, second);
        Assert.True(first.Replaced.IsCancellationRequested);
        Assert.False(second.Replaced.IsCancellationRequested);
        Assert.Contains(_log.Lines, l => l.Contains($"(CN=n0) is used from now on; it is valid from {second.Certificate.NotBefore.ToUniversalTime():u} to {second.Expires:u}", StringComparison.Ordinal));
        Assert.Null(trust.Problem);
    }

    [Fact]
    public void Goes_on_with_the_old_ones_while_the_new_ones_cannot_be_used_and_says_so()
    {
        var (trust, files) = Trust(TimeSpan.FromDays(60));
        var first = trust.Reload();

        File.WriteAllText(files.Key, "half a ke");
        Touch(files.Key);
        trust.Watch();

        Assert.Same(first, trust.Current);
        Assert.False(first!.Replaced.IsCancellationRequested);
        Assert.StartsWith($"vmcache.cluster.tls: new certificates are not used: {files.Certificate} with the key {files.Key} cannot be used", trust.Problem, StringComparison.Ordinal);

        Replace(files, TimeSpan.FromDays(60));
        trust.Watch();
        Assert.Null(trust.Problem);
        Assert.True(first.Replaced.IsCancellationRequested);
    }

    [Fact]
    public void Warns_of_a_certificate_that_expires_within_14_days_once_a_day()
    {
        var (trust, files) = Trust(TimeSpan.FromDays(15.5));
        trust.Reload();
        trust.Watch();
        Assert.Null(trust.Problem);

        _time.Advance(TimeSpan.FromDays(2));
        for (var i = 0; i < 5; i++) Look(trust);

        Assert.StartsWith($"vmcache.cluster.tls: the certificate {files.Certificate} (CN=n0) expires at {trust.Current!.Expires:u}: replace the files, a restart is not needed", trust.Problem, StringComparison.Ordinal);
        Assert.Single(Warnings());
        _time.Advance(TimeSpan.FromDays(1));
        Look(trust);
        Assert.Equal(2, Warnings().Count());
        _time.Advance(TimeSpan.FromDays(30));
        Look(trust);
        Assert.Contains("(CN=n0) expired at", trust.Problem, StringComparison.Ordinal);
    }

    /// <summary>As a Secret of Kubernetes is mounted, and as many have it by hand: the links stay, what they lead to is another.</summary>
    [Fact]
    public void Sees_files_that_are_replaced_behind_links()
    {
        var (first, second) = (Directory.CreateDirectory(Path.Combine(_directory.FullName, "..1")), Directory.CreateDirectory(Path.Combine(_directory.FullName, "..2")));
        void Write(DirectoryInfo into)
        {
            var files = _authority.Sign("n0");
            foreach (var (from, name) in new[] { (files.Certificate, "tls.crt"), (files.Key, "tls.key"), (files.Authority, "ca.crt") }) File.Copy(from, Path.Combine(into.FullName, name));
        }

        string At(string name) => Path.Combine(_directory.FullName, name);
        Write(first);
        Directory.CreateSymbolicLink(At("..data"), "..1");
        foreach (var name in new[] { "tls.crt", "tls.key", "ca.crt" }) File.CreateSymbolicLink(At(name), $"..data/{name}");
        var trust = new PeerTrust(new TlsFiles(At("tls.crt"), At("tls.key"), At("ca.crt")), "tls", _log.CreateLogger("vmcached"), _time);
        var before = trust.Reload()!;

        Write(second);
        File.Delete(At("..data"));
        Directory.CreateSymbolicLink(At("..data"), "..2");
        Look(trust);

        Assert.NotSame(before, trust.Current);
        Assert.True(before.Replaced.IsCancellationRequested);
    }

    [Fact]
    public void Goes_on_when_the_clock_is_set_back_and_when_files_are_gone_and_come_back()
    {
        var (trust, files) = Trust(TimeSpan.FromDays(60));
        var first = trust.Reload()!;
        File.Move(files.Certificate, files.Certificate + ".away");
        Look(trust);
        Assert.Same(first, trust.Current);
        Assert.NotNull(trust.Problem);

        File.Move(files.Certificate + ".away", files.Certificate);
        Look(trust);
        Assert.Null(trust.Problem);
        Assert.False(first.Replaced.IsCancellationRequested);
    }

    [Fact]
    public void Says_so_when_the_certificates_were_never_to_be_used()
    {
        var (trust, files) = Trust(TimeSpan.FromDays(60));
        foreach (var file in new[] { files.Certificate, files.Key, files.Authority }) File.Delete(file);

        trust.Watch();

        Assert.Null(trust.Current);
        Assert.StartsWith($"vmcache.cluster.tls: the certificates cannot be used: {files.Authority} cannot be used", trust.Problem, StringComparison.Ordinal);
        Assert.Contains(_log.Lines, l => l.Contains("the certificates cannot be used", StringComparison.Ordinal));
    }

    [Fact]
    public void Tells_of_so_many_strangers_and_no_more()
    {
        var (trust, _) = Trust(TimeSpan.FromDays(60));
        for (var i = 0; i < 3000; i++) trust.Tell($"10.0.{i / 250}.{i % 250}:{i}", $"it (CN={i}) is not trusted");
        for (var i = 0; i < 100; i++) trust.Tell($"10.9.9.9:{i}", $"it (CN={i}) is not trusted");
        Assert.Equal(1000, _log.Lines.Count);
        // Of its own certificates it tells all the same.
        trust.TellOnce("the port is taken", null);
        Assert.Equal(1001, _log.Lines.Count);

        _time.Advance(TimeSpan.FromMinutes(11));
        for (var i = 0; i < 100; i++) trust.Tell($"10.9.9.9:{i}", $"it (CN={i}) is not trusted");
        Assert.Equal(1002, _log.Lines.Count);
    }

    [Fact]
    public void Ends_no_connection_for_files_that_say_the_same_again()
    {
        var (trust, files) = Trust(TimeSpan.FromDays(60));
        var first = trust.Reload()!;

        Touch(files.Certificate);
        trust.Watch();

        Assert.Same(first, trust.Current);
        Assert.False(first.Replaced.IsCancellationRequested);
    }

    private IEnumerable<string> Warnings() => _log.Lines.Where(l => l.Contains("expire", StringComparison.Ordinal));

    private (PeerTrust Trust, TlsFiles Files) Trust(TimeSpan until)
    {
        var files = _authority.Sign("n0", until: until);
        return (new PeerTrust(files, "vmcache.cluster.tls", _log.CreateLogger("vmcached"), _time), files);
    }

    private void Replace(TlsFiles files, TimeSpan until)
    {
        Assert.Equal(files, _authority.Sign("n0", until: until));
        Touch(files.Certificate);
    }

    /// <summary>As one that is looked at some time later.</summary>
    private void Look(PeerTrust trust)
    {
        _time.Advance(TimeSpan.FromSeconds(2));
        trust.Watch();
    }

    private void Touch(string file)
    {
        _time.Advance(TimeSpan.FromSeconds(2));
        File.SetLastWriteTimeUtc(file, DateTime.UtcNow.AddSeconds(++_written));
    }
}
