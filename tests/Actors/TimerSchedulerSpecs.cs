using Akka.Actor;
using Akka.Configuration;
using Akka.TestKit.Xunit2;
using VmCacheCluster.Actors.Hosting;

namespace VmCacheCluster.Tests.Actors;

public class TimerSchedulerSpecs() : TestKit(Hocon)
{
    private static readonly Config Hocon = """
        akka.scheduler.implementation = "VmCacheCluster.Actors.Hosting.TimerScheduler, VmCacheCluster.Actors"
        akka.loglevel = WARNING
        """;

    [Fact]
    public async Task Tells_once_and_in_the_order_of_delays()
    {
        Sys.Scheduler.ScheduleTellOnce(TimeSpan.FromMilliseconds(300), TestActor, "later", ActorRefs.NoSender);
        Sys.Scheduler.ScheduleTellOnce(TimeSpan.FromMilliseconds(1), TestActor, "sooner", ActorRefs.NoSender);

        await ExpectMsgAsync("sooner", TimeSpan.FromSeconds(20));
        await ExpectMsgAsync("later", TimeSpan.FromSeconds(20));
    }

    [Fact]
    public async Task Tells_at_once_when_nothing_is_to_be_waited_for()
    {
        Sys.Scheduler.ScheduleTellOnce(TimeSpan.Zero, TestActor, "now", ActorRefs.NoSender);

        await ExpectMsgAsync("now", TimeSpan.FromSeconds(20));
    }

    [Fact]
    public async Task Tells_again_and_again_until_it_is_cancelled()
    {
        var cancel = Sys.Scheduler.ScheduleTellRepeatedlyCancelable(1, 1, TestActor, "tick", ActorRefs.NoSender);
        for (var i = 0; i < 5; i++) await ExpectMsgAsync("tick", TimeSpan.FromSeconds(20));

        cancel.Cancel();
        Sys.Scheduler.ScheduleTellOnce(TimeSpan.FromMilliseconds(50), TestActor, "end", ActorRefs.NoSender);

        await FishForMessageAsync(message => message is "end", TimeSpan.FromSeconds(20));
        TestActor.Tell("last");
        Assert.Equal("last", await ReceiveOneAsync(TimeSpan.FromSeconds(20)));
    }

    [Fact]
    public async Task Tells_nothing_that_was_cancelled()
    {
        var cancel = Sys.Scheduler.ScheduleTellOnceCancelable(20, TestActor, "never", ActorRefs.NoSender);
        cancel.Cancel();
        Sys.Scheduler.ScheduleTellOnce(TimeSpan.FromMilliseconds(60), TestActor, "end", ActorRefs.NoSender);

        Assert.Equal("end", await ReceiveOneAsync(TimeSpan.FromSeconds(20)));
    }

    [Fact]
    public async Task Goes_on_when_what_was_due_fails()
    {
        var runs = 0;
        Sys.Scheduler.Advanced.ScheduleRepeatedly(1, 1, () =>
        {
            if (Interlocked.Increment(ref runs) == 1) throw new InvalidOperationException("the first one fails");
            TestActor.Tell("ran");
        });

        await ExpectMsgAsync("ran", TimeSpan.FromSeconds(20));
    }

    [Fact]
    public async Task Accepts_a_delay_longer_than_the_runtimes_timers_reach()
    {
        var cancel = Sys.Scheduler.ScheduleTellOnceCancelable(TimeSpan.FromDays(120), TestActor, "in four months", ActorRefs.NoSender);
        Sys.Scheduler.ScheduleTellOnce(TimeSpan.FromMilliseconds(1), TestActor, "end", ActorRefs.NoSender);

        Assert.Equal("end", await ReceiveOneAsync(TimeSpan.FromSeconds(20)));
        cancel.Cancel();
    }
}
