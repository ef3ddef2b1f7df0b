using Grpc.Core;
using VmCacheCluster.Domain;
using VmCacheCluster.Gateway.Cluster;
using VmCacheCluster.Gateway.Keys.Wire;
using VmCacheCluster.Tests.TestSupport;
using VmCacheCluster.Tests.Unit.Domain.Cluster;
using Xunit;

namespace VmCacheCluster.Tests.Unit.Gateway.Cluster;

public class KeySurveySpecs
{
    private static readonly NodeName A = new("n0"), B = new("n1");
    private static readonly PoolKey One = KeyHomesSpecs.Key("a");

    private readonly ManualTime _time = new();
    private readonly Dictionary<NodeName, Func<CollectKeys, KeysCollected>> _hosts = [];
    private readonly KeyTable _table = new(least: 3, most: 100);
    private readonly KeySurvey _survey;
    private readonly List<NodeName> _asked = [];
    private KeyView _view = KeyHomesSpecs.View("n2", "n0", "n1", "n2");

    public KeySurveySpecs()
    {
        foreach (var member in _view.Members) _hosts[member.Node] = _ => new KeysCollected();
        _survey = new KeySurvey(_table, () => Task.FromResult(_view), Ask, _time);
    }

    [Fact]
    public async Task Tidies_what_the_hosts_that_answer_say_is_over_while_others_do_not()
    {
        await _survey.LearnAsync(One, default);
        var survivor = KeyHomesSpecs.Key("k0");
        for (var i = 0; i < 5; i++) _table.Add(KeyHomesSpecs.Key($"k{i}"), i == 4 ? B : A, _survey.Number(_view).Number);
        _hosts[A] = _ => Holds(survivor);
        _hosts[B] = _ => throw new RpcException(new Status(StatusCode.Unavailable, "it is away"));

        _survey.TidyLarge();

        await UntilAsync(() => _table.Count == 2);
        Assert.Equal([A], _table.HostsOf(survivor));
        Assert.Equal([B], _table.HostsOf(KeyHomesSpecs.Key("k4")));
        Assert.True(_table.KnowsAllOf(_view, One));
    }

    [Fact]
    public async Task Asks_none_that_is_not_reached_and_not_again_before_a_while()
    {
        await _survey.LearnAsync(One, default);
        _view = _view with { Members = [.. _view.Members.Select(m => m.Node == B ? m with { Reachable = false } : m)] };
        _asked.Clear();
        Fill();
        _survey.TidyLarge();
        await UntilAsync(() => _table.Count == 0);
        Assert.DoesNotContain(B, _asked);

        Fill();
        _asked.Clear();
        _survey.TidyLarge();
        // Who waits for an answer after it finds it over.
        var refusal = await Assert.ThrowsAsync<RpcException>(() => _survey.LearnAsync(One, default));
        Assert.Contains("n1, which may have a VM of the key, is not reached", refusal.Status.Detail);
        Assert.Empty(_asked);
        Assert.True(_table.IsLarge);

        _time.Advance(TimeSpan.FromSeconds(10));
        await UntilAsync(() =>
        {
            _survey.TidyLarge();
            return _table.Count == 0;
        });
    }

    /// <summary>A key that is not asked for by whoever makes the survey necessary has a call of its own meanwhile.</summary>
    [Fact]
    public async Task Forgets_no_vm_that_was_given_after_its_host_had_answered()
    {
        await _survey.LearnAsync(One, default);
        var given = KeyHomesSpecs.Key("given");
        _hosts[B] = _ =>
        {
            _table.Add(given, A, _survey.Number(_view).Number);
            return new KeysCollected();
        };

        await _survey.LearnAsync(One, default);

        Assert.Equal([A], _table.HostsOf(given));
    }

    [Fact]
    public async Task Knows_nothing_while_a_host_does_not_say_what_it_has_or_knows_one_that_left()
    {
        _hosts[B] = _ => throw new RpcException(new Status(StatusCode.Unavailable, "it sees other members"));
        var refusal = await Assert.ThrowsAsync<RpcException>(() => _survey.LearnAsync(One, default));
        Assert.Contains("n1, which may have a VM of the key, does not say so: it sees other members", refusal.Status.Detail);

        _hosts[B] = _ => new KeysCollected { Gone = { "n9" } };
        refusal = await Assert.ThrowsAsync<RpcException>(() => _survey.LearnAsync(One, default));
        Assert.Contains("n9", refusal.Status.Detail);
        Assert.False(_table.KnowsAllOf(_view, One));
    }

    private static KeysCollected Holds(params PoolKey[] keys)
    {
        var answer = new KeysCollected();
        answer.Keys.AddRange(keys.Select(k => new HeldKey { Pool = k.Pool.Value, Key = k.Key }));
        return answer;
    }

    private static Task UntilAsync(Func<bool> condition) => Eventually.Async(condition, "it is tidy");

    private void Fill()
    {
        for (var i = 0; i < 4; i++) _table.Add(KeyHomesSpecs.Key($"k{i}"), A, _survey.Number(_view).Number);
    }

    private Task<KeysCollected> Ask(KeyView view, KeyMember host, CollectKeys question)
    {
        lock (_asked) _asked.Add(host.Node);
        return Task.FromResult(_hosts[host.Node](question));
    }
}
