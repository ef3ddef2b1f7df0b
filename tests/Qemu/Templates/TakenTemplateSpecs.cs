using System.Security.Cryptography;
using VmCacheCluster.Domain;
using VmCacheCluster.Domain.Ports;
using VmCacheCluster.Hypervisor.Qemu;
using VmCacheCluster.Hypervisor.Qemu.Templates;
using VmCacheCluster.Tests.TestSupport.Fakes;
using VmCacheCluster.Tests.Qemu.Hypervisor;
using Xunit;

namespace VmCacheCluster.Tests.Qemu.Templates;

/// <summary>A template that comes from another host's store, with real QEMU and the embedded guest.</summary>
[Trait("Category", "Qemu")]
[Collection(TemplateHouseCollection.Name)]
public sealed class TakenTemplateSpecs : IDisposable
{
    private static readonly CancellationToken None = CancellationToken.None;
    private readonly TemplateHouse _house;
    private readonly string _root;
    private readonly TemplateStore _store;

    public TakenTemplateSpecs(TemplateHouse house)
    {
        _house = house;
        _root = Path.Combine(house.House.Root, Guid.NewGuid().ToString("N"));
        _store = new TemplateStore(_root, house.House.Options, house.House.ThrowAways, new LinuxHostClock(), TimeProvider.System);
    }

    public void Dispose() => _store.Dispose();

    [Fact]
    public async Task Is_cloned_lent_to_others_and_found_again_as_one_that_was_made()
    {
        var taken = (await TakeAsync(new FakePeer("beta", _house.Store)))!;

        Assert.StartsWith("taken from beta in ", taken.Told, StringComparison.Ordinal);
        Assert.Equal(_house.Template with { From = "beta" }, taken.Template);
        Assert.Equal(_house.Store.Offer(_house.Template.Digest), _store.Offer(_house.Template.Digest));
        await using (var clone = await _store.CloneAsync(VmId.New(), TemplateHouse.Spec(), taken.Template, VmPriority.Normal, None))
        {
            await clone.ResumeAsync(None);
            await (await clone.OpenGuestAsync(None)).DisposeAsync();
            await clone.StopAsync(None);
        }

        using var later = new TemplateStore(_root, _house.House.Options, _house.House.ThrowAways, new LinuxHostClock(), TimeProvider.System);
        Assert.Equal(taken.Template, await later.FindAsync(TemplateHouse.Spec(), None));
        _house.House.AssertEmpty();
        Assert.Empty(Drafts());
    }

    [Fact]
    public async Task Is_thrown_away_when_it_was_changed_on_its_way()
    {
        var peer = new FakePeer("beta", _house.Store)
        {
            Sending = (number, piece) =>
            {
                if (number != 5) return piece;
                var content = piece.Content.ToArray();
                content[100] ^= 1;
                return piece with { Content = content };
            },
        };

        var failure = (await Assert.ThrowsAsync<VmFailedException>(() => TakeAsync(peer))).Failure;

        Assert.Equal("what beta sent is of no use: its memory is not what was saved", failure.Message);
        AssertNothing();
    }

    [Fact]
    public async Task Is_thrown_away_when_no_clone_of_it_runs()
    {
        var state = new byte[1000];
        var offer = _house.Store.Offer(_house.Template.Digest)! with
        {
            StateLength = state.Length, StateDigest = Convert.ToHexStringLower(SHA256.HashData(state)), MemoryBytes = 0, MemoryDigest = Convert.ToHexStringLower(SHA256.HashData([])),
        };
        var lender = new FakeLender { Held = [_house.Template.Digest], Offering = _ => offer, Reading = (_, _) => [new TemplatePiece([new Extent(0, state.Length)], state, offer.Length)] };

        var failure = (await Assert.ThrowsAsync<VmFailedException>(() => TakeAsync(new FakePeer("beta", lender)))).Failure;

        Assert.Contains("does not load the template", failure.Message, StringComparison.Ordinal);
        AssertNothing();
    }

    [Fact]
    public async Task Is_not_taken_when_it_is_too_old_or_nobody_has_it()
    {
        var failure = (await Assert.ThrowsAsync<VmFailedException>(() => TakeAsync(new FakePeer("beta", _house.Store), _house.Template.MadeAt.AddSeconds(1)))).Failure;

        Assert.Contains("which is too old", failure.Message, StringComparison.Ordinal);
        Assert.Null(await _store.TakeAsync(TemplateHouse.Spec(), new FakePeers(), DateTimeOffset.MinValue, HypervisorHouse.Patience, None));
        AssertNothing();
    }

    [Fact]
    public async Task Comes_once_for_all_who_want_it_and_leaves_nothing_when_it_is_given_up()
    {
        using var given = new CancellationTokenSource();
        var held = new TaskCompletionSource();
        var slow = new FakePeer("beta", _house.Store) { Holding = async cancel => { held.TrySetResult(); await Task.Delay(Timeout.Infinite, cancel); } };
        var giving = _store.TakeAsync(TemplateHouse.Spec(), new FakePeers(slow), DateTimeOffset.MinValue, HypervisorHouse.Patience, given.Token);
        await held.Task;
        using var process = new TemplateStore(_root, _house.House.Options, _house.House.ThrowAways, new LinuxHostClock(), TimeProvider.System);

        // Another process is kept out, another pool waits.
        var refused = (await Assert.ThrowsAsync<VmFailedException>(() => process.TakeAsync(TemplateHouse.Spec(), new FakePeers(new FakePeer("beta", _house.Store)), DateTimeOffset.MinValue, HypervisorHouse.Patience, None))).Failure;
        Assert.Contains("another process is making the template", refused.Message, StringComparison.Ordinal);
        var (one, other) = (TakeAsync(new FakePeer("gamma", _house.Store)), TakeAsync(new FakePeer("delta", _house.Store)));
        await given.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => giving);

        var told = new[] { (await one)!.Told, (await other)!.Told };
        Assert.Single(told, t => t == "taken by another pool of this host");
        Assert.Equal((await one)!.Template, (await other)!.Template);
        Assert.Empty(Drafts());
    }

    private Task<TakenTemplate?> TakeAsync(ITemplatePeer peer, DateTimeOffset notBefore = default)
        => _store.TakeAsync(TemplateHouse.Spec(), new FakePeers(peer), notBefore, HypervisorHouse.Patience, None);

    private IEnumerable<string> Drafts() => Directory.EnumerateDirectories(_root, ".new-*", SearchOption.AllDirectories);

    private void AssertNothing()
    {
        Assert.Empty(_store.Held);
        Assert.Empty(Drafts());
        Assert.DoesNotContain(Directory.EnumerateFiles(_root, "*", SearchOption.AllDirectories), f => Path.GetFileName(f) != "lock");
        _house.House.AssertEmpty();
    }
}
