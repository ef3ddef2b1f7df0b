using System.Security.Cryptography;
using VmCacheCluster.Domain;
using VmCacheCluster.Domain.Ports;
using VmCacheCluster.Hypervisor.Qemu.Templates;
using VmCacheCluster.Tests.TestSupport.Fakes;
using VmCacheCluster.Tests.Unit.Client;
using Xunit;

namespace VmCacheCluster.Tests.Unit.Qemu;

/// <summary>A template's way from one host's memory into another one's draft.</summary>
public sealed class TemplateTransferSpecs : IDisposable
{
    private const int Page = 4096;
    private const long Length = 4096L * Page;
    private static readonly TemplateDigest Digest = new(new string('a', 64));
    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("vmc-transfer");
    private readonly List<MemoryFile> _files = [];
    private readonly FakeLender _lender;
    private readonly TemplateOffer _offer;
    private readonly byte[] _state = RandomNumberGenerator.GetBytes(300_000);

    public TemplateTransferSpecs()
    {
        // Five runs of pages between holes, three pieces of memory in all.
        (_lender, _offer) = Lender([.. Enumerable.Range(0, 700).Select(i => i / 140 * 800 + i % 140)]);
    }

    public void Dispose()
    {
        foreach (var file in _files) file.Dispose();
        _directory.Delete(true);
    }

    [Fact]
    public async Task Brings_state_and_memory_with_its_holes()
    {
        var peer = new FakePeer("beta", _lender);

        var sent = await TakeAsync(peer);

        Assert.Equal((_offer, "beta"), (sent.Offer, sent.From));
        Assert.Equal(_state.Length + (700L * Page), sent.WireBytes);
        AssertSame();
    }

    [Fact]
    public async Task Goes_on_where_it_was_at_the_same_host_when_the_stream_breaks()
    {
        var peer = new FakePeer("beta", _lender) { Sending = (number, piece) => number == 2 ? throw new TemplatePeerException("gone") : piece };
        var broken = false;
        peer.Sending = (number, piece) =>
        {
            if (number != 2 || broken) return piece;
            broken = true;
            throw new TemplatePeerException("gone");
        };

        var sent = await TakeAsync(peer);

        Assert.Equal([0L, peer.Begun[1]], peer.Begun);
        Assert.InRange(peer.Begun[1], _state.Length + Page, _offer.Length);
        Assert.Equal(_state.Length + (700L * Page), sent.WireBytes);
        AssertSame();
    }

    [Fact]
    public async Task Goes_on_at_another_host_that_has_the_same()
    {
        var breaks = new FakePeer("beta", _lender) { Sending = (number, piece) => number == 2 ? throw new TemplatePeerException("gone") : piece };
        var other = new FakePeer("gamma", _lender) { Offering = offer => offer with { MadeAt = offer.MadeAt.AddDays(-1) } };

        var sent = await TakeAsync(breaks, other);

        Assert.Equal("gamma", sent.From);
        Assert.Equal([breaks.Begun[0], other.Begun[0]], [0L, Assert.Single(other.Begun)]);
        Assert.InRange(other.Begun[0], _state.Length + Page, _offer.Length);
        AssertSame();
    }

    [Fact]
    public async Task Begins_anew_at_another_host_whose_template_is_another_one()
    {
        var (other, offer) = Lender([1, 2, 3]);
        var breaks = new FakePeer("beta", _lender) { Sending = (number, piece) => number == 2 ? throw new TemplatePeerException("gone") : piece };
        var gamma = new FakePeer("gamma", other);

        var sent = await TakeAsync(breaks, gamma);

        Assert.Equal((offer, "gamma"), (sent.Offer, sent.From));
        Assert.Equal([0L], gamma.Begun);
        AssertSame(offer);
    }

    [Fact]
    public async Task Leaves_a_host_that_falls_silent()
    {
        var time = new StepTime();
        var silent = new FakePeer("beta", _lender) { Holding = cancel => Task.Delay(Timeout.Infinite, cancel) };
        var taking = TakeAsync(time, silent, new FakePeer("gamma", _lender));

        Assert.Equal(TemplateTransfer.Patience, await time.NextDelayAsync());
        time.Fire();

        Assert.Equal("gamma", (await taking).From);
        AssertSame();
    }

    [Fact]
    public async Task Says_of_each_host_why_it_gave_nothing()
    {
        var gone = new FakePeer("beta", new FakeLender());
        var small = new FakePeer("gamma", _lender) { Offering = offer => offer with { MemoryLength = Page, MemoryBytes = Page } };
        var wrong = new FakePeer("delta", _lender) { Sending = (_, piece) => piece with { Next = long.MaxValue } };
        var short_ = new FakePeer("epsilon", _lender) { Sending = (_, piece) => piece with { Content = piece.Content[1..] } };

        var fault = await Assert.ThrowsAsync<VmFailedException>(() => TakeAsync(gone, small, wrong, short_));

        Assert.StartsWith("no node gives it (beta: there is no such template here; gamma: its memory has 4096 bytes and not 16777216; delta: a piece ends at", fault.Failure.Message, StringComparison.Ordinal);
        Assert.Contains("epsilon: a piece has 299999 bytes and announces 300000", fault.Failure.Message, StringComparison.Ordinal);
        Assert.Equal((1, 1), (wrong.Begun.Count, short_.Begun.Count));
    }

    [Fact]
    public async Task Ends_when_it_is_given_up()
    {
        using var limit = new CancellationTokenSource();
        var peer = new FakePeer("beta", _lender) { Sending = (number, piece) => { if (number == 1) limit.Cancel(); return piece; }, Holding = cancel => { cancel.ThrowIfCancellationRequested(); return Task.CompletedTask; } };

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Transfer(TimeProvider.System).RunAsync([peer], limit.Token));
    }

    private (FakeLender Lender, TemplateOffer Offer) Lender(int[] pages)
    {
        var memory = MemoryFile.Create("vmcache-test", Length);
        foreach (var page in pages) RandomAccess.Write(memory.Handle, RandomNumberGenerator.GetBytes(Page), page * (long)Page);
        var state = TemplateFiles.InMemory(_state);
        _files.AddRange([memory, state]);
        using var copy = MemoryFile.Create("vmcache-test", 0);
        var copied = SparseCopy.Run(memory.Handle, copy.Handle, CancellationToken.None);
        var offer = new TemplateOffer(DateTimeOffset.UnixEpoch.AddYears(50), Length, copied.Bytes, copied.Digest, _state.Length, Convert.ToHexStringLower(SHA256.HashData(_state)));
        var lender = new FakeLender
        {
            Held = [Digest], Offering = _ => offer, Reading = (_, from) => new TemplateImage(state.OpenToRead(), memory.OpenToRead()).Pieces(from),
        };
        return (lender, offer);
    }

    private TemplateTransfer Transfer(TimeProvider time) => new(Digest, Length, DateTimeOffset.MinValue, _directory.FullName, time);

    private Task<Transferred> TakeAsync(params ITemplatePeer[] peers) => TakeAsync(TimeProvider.System, peers);

    private Task<Transferred> TakeAsync(TimeProvider time, params ITemplatePeer[] peers) => Transfer(time).RunAsync(peers, CancellationToken.None);

    /// <summary>As it is checked when it is loaded, and its holes are holes.</summary>
    private void AssertSame(TemplateOffer? other = null)
    {
        var offer = other ?? _offer;
        TemplateFiles.Write(_directory.FullName, Digest, offer.MadeAt, offer, "beta");
        using var loaded = TemplateFiles.Load(_directory.FullName, Digest, CancellationToken.None);
        Assert.Equal(offer, loaded.Offer);
        Assert.Equal("beta", loaded.Template.From);
        using var memory = File.OpenHandle(TemplateFiles.Memory(_directory.FullName));
        Assert.Equal(offer.MemoryBytes, MemoryRuns.Of(memory).Where(r => !r.IsZero).Sum(r => (long)r.Content.Length));
    }
}
