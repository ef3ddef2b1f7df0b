using System.Threading.Channels;
using VmCacheCluster.Actors.Gateway;
using VmCacheCluster.Domain;

namespace VmCacheCluster.Tests.Actors;

public class EventJournalSpecs
{
    private static readonly PoolName Other = new("other");

    private readonly EventJournal _journal = new(TimeProvider.System, capacity: 4);

    [Fact]
    public void Tells_what_happened_since_then_what_happens_in_order()
    {
        Add(3);
        var seen = Watch(after: 1);

        Add(2);

        Assert.Equal([2UL, 3, 4, 5], Read(seen));
    }

    [Theory]
    [InlineData(6, 2, true)] // the last four
    [InlineData(6, 1, false)] // ... and one that is forgotten
    [InlineData(6, 6, true)] // nothing yet
    [InlineData(6, 7, false)] // what was not
    [InlineData(0, 0, true)]
    public void Knows_what_it_can_still_tell(int happened, ulong after, bool known)
    {
        Add(happened);

        Assert.Equal(known, _journal.TryWatch(null, _journal.Epoch, after, Channel.CreateUnbounded<NodeEvent>()));
    }

    [Fact]
    public void Knows_nothing_of_another_run_of_the_daemon()
    {
        Add(2);

        Assert.False(_journal.TryWatch(null, new EventJournal(TimeProvider.System).Epoch, 1, Channel.CreateUnbounded<NodeEvent>()));
        Assert.False(_journal.TryWatch(null, "", 0, Channel.CreateUnbounded<NodeEvent>()));
    }

    [Fact]
    public void Tells_of_one_pool_alone_when_asked_to()
    {
        Add(1);
        Add(1, Other);
        var seen = Watch(after: 0, pool: Other);

        Add(1);
        Add(1, Other);

        Assert.Equal([2UL, 4], Read(seen));
    }

    [Fact]
    public void Lets_a_watcher_go_that_does_not_keep_up_and_no_other()
    {
        var (slow, quick) = (Channel.CreateBounded<NodeEvent>(2), Channel.CreateUnbounded<NodeEvent>());
        Assert.True(_journal.TryWatch(null, _journal.Epoch, 0, slow));
        Assert.True(_journal.TryWatch(null, _journal.Epoch, 0, quick));

        Add(4);

        Assert.Equal([1UL, 2], Read(slow));
        Assert.IsType<WatcherTooSlowException>(slow.Reader.Completion.Exception!.InnerException);
        Assert.Equal([1UL, 2, 3, 4], Read(quick));
    }

    [Fact]
    public void Tells_nothing_to_who_has_left()
    {
        var left = Channel.CreateUnbounded<NodeEvent>();
        _journal.TryWatch(null, _journal.Epoch, 0, left);
        _journal.Leave(left);

        Add(1);

        Assert.Empty(Read(left));
    }

    [Fact]
    public async Task Tells_every_watcher_the_same_order_when_many_write_at_once()
    {
        var journal = new EventJournal(TimeProvider.System);
        var watchers = Enumerable.Range(0, 3).Select(_ => Channel.CreateUnbounded<NodeEvent>()).ToList();
        foreach (var watcher in watchers) journal.TryWatch(null, journal.Epoch, 0, watcher);

        await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => Task.Run(() =>
        {
            for (var i = 0; i < 500; i++) journal.Add(NodeEventKind.Changed, PoolName.Default, null, "");
        })));

        Assert.All(watchers, watcher => Assert.Equal(Enumerable.Range(1, 2000).Select(n => (ulong)n), Read(watcher)));
        Assert.Equal(2000UL, journal.Last);
    }

    private void Add(int times, PoolName? pool = null)
    {
        for (var i = 0; i < times; i++) _journal.Add(NodeEventKind.Changed, pool ?? PoolName.Default, null, "");
    }

    private Channel<NodeEvent> Watch(ulong after, PoolName? pool = null)
    {
        var channel = Channel.CreateUnbounded<NodeEvent>();
        Assert.True(_journal.TryWatch(pool, _journal.Epoch, after, channel));
        return channel;
    }

    private static List<ulong> Read(Channel<NodeEvent> channel)
    {
        var seen = new List<ulong>();
        while (channel.Reader.TryRead(out var happened)) seen.Add(happened.Sequence);
        return seen;
    }
}
