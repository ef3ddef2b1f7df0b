using System.Threading.Channels;
using Akka.Actor;
using VmCacheCluster.Actors.Gateway;
using VmCacheCluster.Domain;

namespace VmCacheCluster.Tests.Actors;

public class WatchSpecs : NodeFixture
{
    [Theory]
    [InlineData("")]
    [InlineData("another daemon's")]
    public async Task Starts_with_everything_there_is_for_who_knows_nothing(string epoch)
    {
        await StartAsync(Pool(number: 2), Pool("other", 1));
        var warm = (await UntilAsync(p => p.Warm == 2)).Vms.Select(v => v.Id).ToHashSet();
        await UntilAsync(p => p.Warm == 1, "other");
        var seen = Watch(epoch, 7, PoolName.Default);

        var first = await NextAsync(seen, 3);
        Assert.Equal([NodeEventKind.Reset, NodeEventKind.Snapshot, NodeEventKind.Snapshot], first.Select(e => e.Kind));
        Assert.Equal(warm, first.Skip(1).Select(e => e.Vm!.Id).ToHashSet());
        Assert.All(first, e => Assert.Equal((Journal.Epoch, first[0].Sequence), (e.Epoch, e.Sequence)));
        var granted = await LeaseAsync();
        Assert.Contains(granted.Facts.Id, warm);
        await AskVmAsync(new ReleaseVm(granted.Facts.Id, granted.Lease!.Record.Token));

        var life = (await UntilGoneAsync(seen, granted.Facts.Id)).Where(e => e.Vm!.Id == granted.Facts.Id).ToList();
        Assert.Equal([VmPhase.Preparing, VmPhase.Leased, VmPhase.Stopping, VmPhase.Gone], life.Select(e => e.Vm!.Life.Phase));
        Assert.Equal((NodeEventKind.Gone, "it was released"), (life[^1].Kind, life[^1].Reason));
        Assert.All(life, e => Assert.Equal(PoolName.Default, e.Pool));
    }

    [Fact]
    public async Task Goes_on_after_what_was_seen_last()
    {
        await StartAsync(Pool(number: 1));
        await UntilAsync(p => p.Warm == 1);
        var all = await NextAsync(Watch(Journal.Epoch, 0), (int)Journal.Last);

        var rest = await NextAsync(Watch(Journal.Epoch, all[1].Sequence), all.Count - 2);

        Assert.Equal(all.Skip(2), rest);
        Assert.Equal(Enumerable.Range(1, all.Count).Select(n => (ulong)n), all.Select(e => e.Sequence));
    }

    [Fact]
    public async Task Starts_anew_for_who_knows_the_time_before_a_restart()
    {
        await StartAsync(Pool(number: 1));
        var warm = (await UntilAsync(p => p.Warm == 1)).Vms[0].Id;
        var (epoch, last) = (Journal.Epoch, Journal.Last);
        await CrashAsync(Pool(number: 1));
        await UntilAsync(p => p.Warm == 1);

        var first = await NextAsync(Watch(epoch, last), 2);

        Assert.Equal([NodeEventKind.Reset, NodeEventKind.Snapshot], first.Select(e => e.Kind));
        Assert.Equal((warm, VmPhase.Warm), (first[1].Vm!.Id, first[1].Vm!.Life.Phase));
        Assert.NotEqual(epoch, first[0].Epoch);
    }

    [Fact]
    public async Task Lets_a_watcher_go_that_has_no_room_for_what_there_is()
    {
        await StartAsync(Pool(number: 3));
        await UntilAsync(p => p.Warm == 3);
        var small = Channel.CreateBounded<NodeEvent>(2);
        Gateway.Tell(new WatchEvents(null, "", 0, small), ActorRefs.NoSender);

        await UntilAsync(() => Task.FromResult(small.Reader.Count), count => count == 2);

        await Assert.ThrowsAsync<WatcherTooSlowException>(() => small.Writer.WaitToWriteAsync().AsTask().WaitAsync(TimeSpan.FromSeconds(20)));
    }

    [Theory]
    [InlineData(null, true)]
    [InlineData("busy", true)]
    [InlineData("default", false)]
    public async Task Lets_a_watcher_go_that_would_not_be_told_of_a_pool(string? watched, bool faulted)
    {
        var (busy, idle) = (CreateTestProbe(), CreateTestProbe());
        var pools = new Dictionary<PoolName, IActorRef> { [new PoolName("busy")] = busy, [PoolName.Default] = idle };
        var seen = Channel.CreateUnbounded<NodeEvent>();
        var watch = new WatchEvents(watched is null ? null : new PoolName(watched), "", 0, seen);
        var journal = new EventJournal(TimeProvider.System);
        Sys.ActorOf(Props.Create(() => new WatchStarter(watch, journal, pools, false)));
        await busy.ExpectMsgAsync<GetPoolView>();
        await idle.ExpectMsgAsync<GetPoolView>();

        idle.Reply(new PoolView(PoolName.Default, null, 0, 0, 0, 0, 0, "", Accelerator.Tcg, "", [], []));
        Time.Advance(TimeSpan.FromSeconds(2));

        if (faulted) await Assert.ThrowsAsync<PoolsNotHeardException>(() => seen.Reader.Completion.WaitAsync(TimeSpan.FromSeconds(20)));
        else Assert.Equal(NodeEventKind.Reset, (await NextAsync(seen, 1))[0].Kind);
    }

    private Channel<NodeEvent> Watch(string epoch, ulong after, PoolName? pool = null)
    {
        var seen = Channel.CreateUnbounded<NodeEvent>();
        Gateway.Tell(new WatchEvents(pool, epoch, after, seen), ActorRefs.NoSender);
        return seen;
    }

    private static async Task<List<NodeEvent>> NextAsync(Channel<NodeEvent> seen, int count)
    {
        var events = new List<NodeEvent>();
        while (events.Count < count) events.Add(await seen.Reader.ReadAsync().AsTask().WaitAsync(TimeSpan.FromSeconds(20)));
        return events;
    }

    private static async Task<List<NodeEvent>> UntilGoneAsync(Channel<NodeEvent> seen, VmId id)
    {
        var events = new List<NodeEvent>();
        while (events.All(e => e.Kind != NodeEventKind.Gone || e.Vm!.Id != id)) events.AddRange(await NextAsync(seen, 1));
        return events;
    }
}
