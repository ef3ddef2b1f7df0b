using VmCacheCluster.Gateway.Endpoints.Http2;
using Xunit;

namespace VmCacheCluster.Tests.Unit.Gateway.Endpoints.Http2;

public sealed class HpackTableSpecs
{
    private static readonly HeaderName Any = new(Authority: false, Length: 5);

    private readonly HpackTable _table = new();

    [Fact]
    public void Has_the_server_s_own_first_entries()
    {
        var entries = Enumerable.Range(1, 100).TakeWhile(_table.Has).Select(i => _table.Name(i)!.Value).ToList();

        Assert.Equal(KestrelHpack.StaticCount, entries.Count);
        for (var index = 1; index <= entries.Count; index++)
        {
            var name = KestrelHpack.StaticName(index);
            Assert.Equal(new HeaderName(name == ":authority", name.Length), entries[index - 1]);
        }
    }

    [Fact]
    public void Has_the_youngest_entry_first()
    {
        _table.Add(Any, 1);
        _table.Add(new HeaderName(Authority: true, Length: 10), 1);

        Assert.Equal((true, false), (_table.Name(62)!.Value.Authority, _table.Name(63)!.Value.Authority));
        Assert.False(_table.Has(64));
        Assert.False(_table.Has(0));
    }

    [Fact]
    public void Gives_up_the_oldest_when_it_is_full()
    {
        Assert.True(_table.TryResize(3 * (5 + 3 + 32)));
        for (var i = 0; i < 5; i++) _table.Add(Any, 3);
        Assert.True(_table.Has(64));
        Assert.False(_table.Has(65));

        _table.Add(Any, 4);

        Assert.False(_table.Has(64));
    }

    [Fact]
    public void Is_empty_after_an_entry_that_is_larger_than_it()
    {
        _table.Add(Any, 1);
        _table.Add(Any, 4096);

        Assert.False(_table.Has(62));
    }

    [Fact]
    public void Never_grows_beyond_what_the_server_allows()
    {
        Assert.False(_table.TryResize(4097));
        Assert.True(_table.TryResize(0));
        Assert.True(_table.TryResize(4096));
    }
}
