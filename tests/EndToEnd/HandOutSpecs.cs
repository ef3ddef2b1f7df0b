using System.Collections.Concurrent;
using Grpc.Core;
using VmCacheCluster.Client;
using VmCacheCluster.Contracts.V1;
using VmCacheCluster.Tests.EndToEnd.Support;
using VmCacheCluster.Tests.TestSupport;

namespace VmCacheCluster.Tests.EndToEnd;

[Trait("Category", "Fake")]
public sealed class HandOutSpecs : HouseSpecs
{
    [Fact]
    public async Task Hands_out_each_vm_once_when_8_clients_make_200_calls()
    {
        var daemon = House.Start(House.Fakes(4));
        await daemon.WarmAsync();
        var ids = new ConcurrentBag<string>();
        var turns = Enumerable.Range(0, 200).ToArray();

        await Task.WhenAll(turns.Chunk(25).Select(async calls =>
        {
            using var client = VmCacheClient.Open(House.Endpoint);
            foreach (var _ in calls)
            {
                var id = (await client.GetBaseVmAsync(HandedOut.Timeout)).Id;
                ids.Add(id);
                await HandedOut.AssertAliveAndPausedAsync(await client.GetAsync(id, HandedOut.Timeout));
                await client.ReleaseAsync(id, HandedOut.Timeout);
            }
        }));

        Assert.Equal(200, ids.Distinct().Count());
        var status = await daemon.WarmAsync();
        Assert.Equal(0u, status.Pools[0].Leased);
        Assert.Empty(status.Pools[0].Vms.Select(v => v.Id).Intersect(ids));
    }

    [Fact]
    public async Task Hands_out_more_than_its_target_when_nobody_gives_back()
    {
        var daemon = House.Start(House.Fakes(2));
        await daemon.WarmAsync();

        var vms = await Task.WhenAll(Enumerable.Range(0, 12).Select(_ => daemon.Client.GetBaseVmAsync(HandedOut.Timeout)));

        Assert.Equal(12, vms.Select(v => v.Id).Distinct().Count());
        var status = await daemon.PoolAsync(p => p is { Leased: 12, Warm: 2, Warming: 0 }, "12 are leased and 2 warm");
        var leased = status.Pools[0].Vms.Where(v => v.State == VmState.Leased).ToList();
        Assert.Equal(vms.Select(v => v.Id).Order(), leased.Select(v => v.Id).Order());
        Assert.Contains(leased, v => v.Served == Served.Warm);
        Assert.Contains(leased, v => v.Served == Served.OnDemand);
    }

    [Fact]
    public async Task Loses_no_vm_when_calls_are_cancelled_while_they_wait()
    {
        var daemon = House.Start(House.Fakes(0, "boot-delay=1s"));
        await daemon.ReadyAsync();
        using var cancel = new CancellationTokenSource();
        var calls = Enumerable.Range(0, 5).Select(_ => daemon.Client.GetBaseVmAsync(HandedOut.Timeout, cancel.Token)).ToList();
        await daemon.PoolAsync(p => p.Waiting == 5, "5 callers wait");

        await cancel.CancelAsync();

        foreach (var call in calls) await Assert.ThrowsAnyAsync<OperationCanceledException>(() => call);
        await daemon.PoolAsync(
            p => p is { Waiting: 0, Leased: 0, Warm: 0, Warming: 0, Vms.Count: 0 }, "nobody waits, and the target of 0 is reached again");
        House.AssertNoVmLeft();
    }

    /// <summary>A client cannot know whether its answer was on the way: then it is the grace period that gives the VM back.</summary>
    [Fact]
    public async Task Is_full_again_when_calls_are_cancelled_at_any_moment()
    {
        var daemon = House.Start($"{House.Fakes(4)}\ngrace-period = 500ms");
        await daemon.WarmAsync();
        var random = new Random(1);

        await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => Task.Run(async () =>
        {
            using var client = VmCacheClient.Open(House.Endpoint);
            for (var call = 0; call < 10; call++)
            {
                using var cancel = new CancellationTokenSource();
                var taken = client.GetBaseVmAsync(HandedOut.Timeout, cancel.Token);
                for (var spin = random.Next(40); spin > 0; spin--) await Task.Yield();
                await cancel.CancelAsync();
                await taken.ContinueWith(_ => { }, TaskScheduler.Default);
            }
        })));

        var status = await daemon.PoolAsync(p => p is { Leased: 0, Waiting: 0, Warm: 4, Warming: 0, Vms.Count: 4 }, "4 are warm and none is leased");
        Assert.All(status.Pools[0].Vms, v => Assert.True(Processes.IsAlive(v.Pid)));
        Assert.Equal(4, House.VmProcesses().Count);
    }

    [Fact]
    public async Task Destroys_the_vm_and_refills_when_its_holder_vanishes_after_the_answer()
    {
        var daemon = House.Start($"{House.Fakes(2)}\ngrace-period = 1s");
        await daemon.WarmAsync();
        Vm vm;
        using (var client = VmCacheClient.Open(House.Endpoint))
        {
            vm = await client.GetAsync((await client.GetBaseVmAsync(HandedOut.Timeout)).Id, HandedOut.Timeout);
        }

        var status = await daemon.PoolAsync(
            p => p is { Leased: 0, Warm: 2, Warming: 0 } && p.Vms.All(v => v.Id != vm.Id), "the VM is gone and 2 are warm");

        Assert.False(Processes.IsAlive(vm.Pid));
        Assert.Contains(status.Pools[0].Events, e => e.Vm == vm.Id && e.What.Contains("did not act within 1 s", StringComparison.Ordinal));
        await Eventually.Async(() => !House.VmDirectories().Contains(vm.Id), "its directories are gone");
    }

    [Fact]
    public async Task Lets_a_vm_live_past_the_grace_period_when_its_holder_resumed_it()
    {
        // Time enough to resume it on a busy machine.
        var daemon = House.Start($"{House.Fakes(1)}\ngrace-period = 5s");
        await daemon.WarmAsync();
        var kept = await TakeAsync(daemon);
        await HandedOut.ResumeAsync(kept);
        await daemon.PoolAsync(p => p.Vms.Any(v => v.Id == kept.Id && v.Confirmed), "it is confirmed");

        // One that is taken later, and left alone, marks the time.
        var left = await TakeAsync(daemon);
        await daemon.PoolAsync(p => p.Vms.All(v => v.Id != left.Id), "the later one was destroyed");

        Assert.Equal("running", await HandedOut.StatusOnMonitorAsync(kept));
        await daemon.Client.ReleaseAsync(kept.Id, HandedOut.Timeout);
        Assert.False(Processes.IsAlive(kept.Pid));
    }

    [Fact]
    public async Task Says_why_and_when_to_retry_when_a_broken_pool_has_no_vm_by_the_deadline()
    {
        var daemon = House.Start(House.Fakes(2, "exit-at-start=1:the flux compensator is missing"));
        await daemon.ReadyAsync();

        var fault = await Assert.ThrowsAsync<VmCacheException>(() => daemon.Client.GetBaseVmAsync(TimeSpan.FromSeconds(12)));

        // The daemon's own answer: a client whose deadline passes first sees DEADLINE instead.
        Assert.Equal(StatusCode.ResourceExhausted, fault.Code);
        Assert.Equal("POOL_EXHAUSTED", fault.Reason);
        Assert.Contains("the flux compensator is missing", fault.Message, StringComparison.Ordinal);
        Assert.Equal("default", fault.Metadata["pool"]);
        Assert.True(fault.RetryAfter > TimeSpan.Zero);
    }

    [Fact]
    public async Task Refuses_at_once_when_the_queue_is_full()
    {
        var daemon = House.Start($"{House.Fakes(0, "boot-delay=50s")}\nmax-waiting = 2");
        await daemon.ReadyAsync();
        using var cancel = new CancellationTokenSource();
        var waiting = Enumerable.Range(0, 2).Select(_ => daemon.Client.GetBaseVmAsync(HandedOut.Timeout, cancel.Token)).ToList();
        await daemon.PoolAsync(p => p.Waiting == 2, "2 callers wait");

        var fault = await Assert.ThrowsAsync<VmCacheException>(() => daemon.Client.GetBaseVmAsync(HandedOut.Timeout));

        Assert.Equal(StatusCode.ResourceExhausted, fault.Code);
        Assert.Contains("its queue is full (2 callers wait)", fault.Message, StringComparison.Ordinal);
        await cancel.CancelAsync();
        foreach (var call in waiting) await Assert.ThrowsAnyAsync<OperationCanceledException>(() => call);
    }

    private static async Task<Vm> TakeAsync(DaemonProcess daemon) =>
        await daemon.Client.GetAsync((await daemon.Client.GetBaseVmAsync(HandedOut.Timeout)).Id, HandedOut.Timeout);
}
