using VmCacheCluster.Actors.Gateway;
using VmCacheCluster.Domain;
using VmCacheCluster.Domain.Ports;
using VmCacheCluster.Tests.TestSupport.Fakes;

namespace VmCacheCluster.Tests.Actors;

/// <summary>How a pool gets its template, and what it does without one.</summary>
public class TemplateSpecs : NodeFixture
{
    private const string OnlyHere =
        "its template was made and proved; no other node gives the same one (QEMU, guest, settings, CPU and accelerator must agree)";

    /// <summary>There are other hosts, most of the time without a template.</summary>
    public TemplateSpecs() => Peers = new FakePeers();

    private static readonly VmFailure Broken = new(VmFailureKind.Boot, "the guest's agent did not answer");

    [Fact]
    public async Task Clones_a_stored_template_and_boots_nothing()
    {
        Templates.Stored = FakeTemplates.Some();
        await StartAsync(Pool(number: 3, with: Cloning));

        var pool = await UntilAsync(p => p is { Warm: 3, Warming: 0 });

        Assert.All(pool.Vms, vm => Assert.Equal(MadeBy.Clone, vm.Facts!.MadeBy));
        Assert.Equal((3, 0), (Templates.Clones.Count, Templates.Made));
        Assert.Equal(MadeBy.Clone, pool.Refill);
        Assert.Contains("aaaaaaaaaaaa", pool.RefillReason, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(true, 1)]
    [InlineData(false, 0)]
    public async Task Makes_a_clone_one_of_its_own_before_it_is_warm_unless_told_not_to(bool prime, int prepared)
    {
        Templates.Stored = FakeTemplates.Some();
        await StartAsync(Pool(number: 1, with: p => Cloning(p) with { Prime = prime }));

        var vm = (await UntilAsync(p => p is { Warm: 1 })).Vms.Single();

        var guest = Machine(vm.Id).Guest;
        Assert.Equal(prepared, guest.Preparations.Count);
        Assert.All(guest.Preparations, p => Assert.Equal(vm.Id.Value.Replace("-", "", StringComparison.Ordinal), p.Identity.MachineId));
        Assert.Equal(VmCondition.Paused, Machine(vm.Id).Condition);
    }

    [Fact]
    public async Task Makes_its_template_first_and_says_so_meanwhile()
    {
        var made = new TaskCompletionSource();
        Templates.Making = (_, cancel) => made.Task.WaitAsync(cancel);
        await StartAsync(Pool(with: p => Cloning(p) with { Refill = RefillChoice.Auto }));

        await UntilAsync(p => p.Reason == "its template is being made" && Templates.Made == 1);
        Assert.Empty(Hypervisor.Vms);
        made.SetResult();

        var pool = await UntilAsync(p => p is { Warm: 2, Reason: "" });
        Assert.All(pool.Vms, vm => Assert.Equal(MadeBy.Clone, vm.Facts!.MadeBy));
        Assert.Contains(pool.Events, e => e.What == OnlyHere);
    }

    [Fact]
    public async Task Boots_and_says_why_when_no_template_can_be_made_and_that_is_allowed()
    {
        Templates.Making = (_, _) => Task.FromException(new VmFailedException(Broken));
        await StartAsync(Pool(with: p => Cloning(p) with { Refill = RefillChoice.Auto }));

        var pool = await UntilAsync(p => p is { Warm: 2 });

        Assert.All(pool.Vms, vm => Assert.Equal(MadeBy.Boot, vm.Facts!.MadeBy));
        Assert.Equal(MadeBy.Boot, pool.Refill);
        Assert.Equal($"it boots, for it cannot clone: {Broken}", pool.RefillReason);
    }

    [Fact]
    public async Task Boots_nothing_when_only_clones_are_wanted_and_clones_once_the_template_can_be_made()
    {
        Templates.Making = (_, _) => Task.FromException(new VmFailedException(Broken));
        await StartAsync(Pool(with: Cloning));

        var pool = await UntilAsync(p => p.Reason == $"it cannot clone: {Broken}");
        Assert.Empty(pool.Vms);
        Templates.Making = (_, _) => Task.CompletedTask;

        await UntilAsync(async () => { Time.Advance(TimeSpan.FromSeconds(1)); return await PoolAsync(); }, p => p is { Warm: 2, Reason: "" });
    }

    [Fact]
    public async Task Makes_another_template_when_the_stored_one_is_of_no_use()
    {
        var first = true;
        Templates.Finding = _ =>
        {
            var spoilt = first;
            first = false;
            return spoilt ? Task.FromException(new VmFailedException(new VmFailure(VmFailureKind.Host, "its memory is truncated"))) : Task.CompletedTask;
        };
        await StartAsync(Pool(with: Cloning));

        var pool = await UntilAsync(p => p is { Warm: 2 });

        Assert.Equal(1, Templates.Made);
        Assert.Contains(pool.Events, e => e.What == "another template is made: its memory is truncated");
    }

    [Fact]
    public async Task Boots_while_clones_fail_and_clones_again_from_a_new_template()
    {
        var suspect = Templates.Stored = FakeTemplates.Some();
        var made = new TaskCompletionSource();
        Templates.Making = (_, cancel) => made.Task.WaitAsync(cancel);
        Templates.Cloning = template => template == suspect
            ? Task.FromException(new VmFailedException(new VmFailure(VmFailureKind.Start, "QEMU does not load the template")))
            : Task.CompletedTask;
        await StartAsync(Pool(with: p => Cloning(p) with { Refill = RefillChoice.Auto }));

        var pool = await UntilAsync(async () => { Time.Advance(TimeSpan.FromSeconds(1)); return await PoolAsync(); }, p => p is { Warm: 2 });
        Assert.All(pool.Vms, vm => Assert.Equal(MadeBy.Boot, vm.Facts!.MadeBy));
        Assert.StartsWith("it boots, for it cannot clone: QEMU does not load", pool.RefillReason, StringComparison.Ordinal);
        made.SetResult();

        await UntilAsync(p => p.Refill == MadeBy.Clone);
        var taken = await TakeAsync();
        Assert.Equal(MadeBy.Boot, taken.Facts.MadeBy);
        await UntilAsync(p => p.Warm == 2 && p.Vms.Any(v => v.Facts?.MadeBy == MadeBy.Clone));
    }

    [Fact]
    public async Task Makes_a_suspected_template_anew_until_that_works()
    {
        var suspect = Templates.Stored = FakeTemplates.Some();
        Templates.Making = (_, _) => Templates.Made == 1 ? Task.FromException(new VmFailedException(Broken)) : Task.CompletedTask;
        Templates.Cloning = template => template == suspect
            ? Task.FromException(new VmFailedException(new VmFailure(VmFailureKind.Start, "QEMU does not load the template")))
            : Task.CompletedTask;
        await StartAsync(Pool(with: Cloning));

        var pool = await UntilAsync(async () => { Time.Advance(TimeSpan.FromSeconds(1)); return await PoolAsync(); }, p => p is { Warm: 2 });

        Assert.All(pool.Vms, vm => Assert.NotEqual(suspect, Templates.Clones[vm.Id]));
        Assert.Equal(2, Templates.Made);
        // The others may well have the same.
        Assert.Empty(Templates.Asked);
    }

    [Fact]
    public async Task Uses_an_old_template_until_its_successor_is_proved()
    {
        var old = Templates.Stored = FakeTemplates.Some(age: TimeSpan.FromDays(8));
        var made = new TaskCompletionSource();
        Templates.Making = (_, cancel) => made.Task.WaitAsync(cancel);
        await StartAsync(Pool(with: p => Cloning(p) with { TemplateMaxAge = TimeSpan.FromDays(7) }));

        await UntilAsync(p => p is { Warm: 2 } && Templates.Made == 1);
        Assert.All(Templates.Clones.Values, t => Assert.Equal(old, t));
        made.SetResult();

        await UntilAsync(p => p.RefillReason.Contains("bbbbbbbbbbbb", StringComparison.Ordinal));
        await TakeAsync();
        await UntilAsync(p => p.Warm == 2);
        Assert.Single(Templates.Clones.Values, t => t != old);
        Assert.Empty(Templates.Asked);
    }

    [Fact]
    public async Task Notices_that_what_shapes_the_template_has_changed()
    {
        Templates.Stored = FakeTemplates.Some();
        await StartAsync(Pool(with: Cloning));
        await UntilAsync(p => p is { Warm: 2 });

        Templates.Stored = null;

        await UntilAsync(async () => { Time.Advance(TimeSpan.FromSeconds(1)); return await PoolAsync(); },
            p => p.RefillReason.Contains("bbbbbbbbbbbb", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Waits_at_its_end_for_a_template_that_was_being_made()
    {
        var ended = new TaskCompletionSource();
        Templates.Making = async (_, cancel) =>
        {
            await Never(cancel).ContinueWith(_ => { }, TaskScheduler.Default);
            await ended.Task;
            cancel.ThrowIfCancellationRequested();
        };
        await StartAsync(Pool(with: Cloning));
        await UntilAsync(_ => Templates.Made == 1);

        var stopping = TerminateAsync();
        Assert.Equal(RefusalKind.Unavailable, Assert.IsType<AcquireRefused>(await AskAsync(Acquire())).Kind);
        Assert.False(stopping.IsCompleted);
        ended.SetResult();

        await stopping;
    }

    [Fact]
    public async Task Clears_old_templates_away_now_and_then()
    {
        Templates.Stored = FakeTemplates.Some();
        await StartAsync(Pool(with: Cloning));
        await UntilAsync(p => p is { Warm: 2 });

        Time.Advance(TimeSpan.FromHours(1));

        await UntilAsync(_ => Templates.Swept == 1);
    }

    [Fact]
    public async Task Takes_the_template_of_another_host_and_boots_nothing()
    {
        Templates.Taking = (_, _) => Task.FromResult<TakenTemplate?>(new TakenTemplate(FakeTemplates.Some("c") with { From = "beta" }, "taken from beta in 1.2 s, 34.0 MiB over the wire"));
        await StartAsync(Pool(with: p => Cloning(p) with { TemplateMaxAge = TimeSpan.FromDays(7) }));

        var pool = await UntilAsync(p => p is { Warm: 2, Warming: 0 });

        Assert.Equal(0, Templates.Made);
        Assert.InRange(Assert.Single(Templates.Asked), DateTimeOffset.UtcNow.AddDays(-8), DateTimeOffset.UtcNow.AddDays(-6));
        Assert.All(pool.Vms, vm => Assert.Equal(MadeBy.Clone, vm.Facts!.MadeBy));
        Assert.Contains(pool.Events, e => e.What == "its template was taken from beta in 1.2 s, 34.0 MiB over the wire, and proved");
        Assert.EndsWith("64 MiB, from beta", pool.RefillReason, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Makes_its_template_and_says_so_when_no_other_host_has_it()
    {
        await StartAsync(Pool(with: Cloning));

        var pool = await UntilAsync(p => p is { Warm: 2 });

        Assert.Equal((1, 1), (Templates.Asked.Count, Templates.Made));
        Assert.Contains(pool.Events, e => e.What == OnlyHere);
    }

    [Fact]
    public async Task Makes_its_template_and_says_why_when_other_hosts_do_not_give_theirs()
    {
        Templates.Taking = (_, _) => Task.FromException<TakenTemplate?>(new VmFailedException(new VmFailure(VmFailureKind.Host, "no node gives it (beta: it is sending 4 templates already)")));
        await StartAsync(Pool(with: Cloning));

        var pool = await UntilAsync(p => p is { Warm: 2 });

        Assert.Equal((1, 1), (Templates.Asked.Count, Templates.Made));
        Assert.Contains(pool.Events, e => e.What == "its template is made here, for it could not be taken from another node: no node gives it (beta: it is sending 4 templates already)");
        Assert.Contains(pool.Events, e => e.What == "its template was made and proved");
    }

    [Fact]
    public async Task Ends_a_transfer_with_the_daemon_and_makes_nothing_then()
    {
        var ended = new TaskCompletionSource();
        Templates.Taking = async (_, cancel) =>
        {
            await Never(cancel).ContinueWith(_ => { }, TaskScheduler.Default);
            await ended.Task;
            throw new OperationCanceledException(cancel);
        };
        await StartAsync(Pool(with: Cloning));
        await UntilAsync(_ => Templates.Asked.Count == 1);

        var stopping = TerminateAsync();
        Assert.Equal(RefusalKind.Unavailable, Assert.IsType<AcquireRefused>(await AskAsync(Acquire())).Kind);
        Assert.False(stopping.IsCompleted);
        ended.SetResult();

        await stopping;
        Assert.Equal(0, Templates.Made);
    }

    private static PoolOptions Cloning(PoolOptions pool) => pool with { Refill = RefillChoice.Clone };
}
