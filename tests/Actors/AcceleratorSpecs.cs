using Akka.Actor;
using VmCacheCluster.Actors.Gateway;
using VmCacheCluster.Actors.Pools;
using VmCacheCluster.Domain;
using VmCacheCluster.Domain.Ports;
using VmCacheCluster.Tests.TestSupport.Fakes;

namespace VmCacheCluster.Tests.Actors;

/// <summary>What a pool is told of KVM, and when that is looked at again.</summary>
public sealed class AcceleratorSpecs : NodeFixture
{
    private static readonly AcceleratorVerdict NotTried =
        new(Accelerator.Tcg, "KVM could not be tried: kata-proxy did not start") { Outcome = ProofOutcome.NotTried, Cause = VmFailureKind.Host };

    private static readonly AcceleratorVerdict Proved = new(Accelerator.Kvm, "KVM ran the guest in 0.8 s");

    private static PoolOptions Auto => Pool(number: 1, with: p => p with { Accelerator = AcceleratorChoice.Auto });

    [Fact]
    public async Task Tries_kvm_again_when_it_could_not_be_tried_and_says_what_is_so_then()
    {
        Proof.Next.Enqueue(NotTried);
        Proof.Next.Enqueue(NotTried);
        Proof.Next.Enqueue(Proved);
        await StartAsync(Auto);
        await UntilAsync(p => p.AcceleratorReason == NotTried.Reason && p.Warm == 1);

        Time.Advance(TimeSpan.FromSeconds(10));
        await UntilAsync(_ => Proof.Proofs == 2);
        await UntilAsync(
            async () =>
            {
                Time.Advance(TimeSpan.FromSeconds(20));
                return await PoolAsync();
            },
            p => p.Accelerator == Accelerator.Kvm);

        var pool = await UntilAsync(p =>
            p.Vms.Count == 1 && p.Vms.All(v => v.Life.Phase == VmPhase.Warm && v.Spec.Accelerator == Accelerator.Kvm));
        Assert.Equal(Proved.Reason, pool.AcceleratorReason);
    }

    [Fact]
    public async Task Leaves_a_verdict_that_is_settled()
    {
        var settled = new AcceleratorVerdict(Accelerator.Tcg, "KVM refuses the guest: failed to set MSR 0x10a");
        Proof.Next.Enqueue(settled);
        await StartAsync(Auto);
        await UntilAsync(p => p.AcceleratorReason == settled.Reason);

        Time.Advance(ProofOptions.Default.RetryMax);

        Assert.Equal(settled.Reason, (await UntilAsync(p => p.Warm == 1)).AcceleratorReason);
        Assert.Equal(1, Proof.Proofs);
    }

    [Fact]
    public async Task Gives_a_template_up_that_nobody_needs_once_kvm_is_proved()
    {
        var givenUp = new TaskCompletionSource();
        Templates.Making = async (spec, cancel) =>
        {
            if (spec.Accelerator == Accelerator.Kvm) return;
            await Never(cancel).ContinueWith(_ => givenUp.SetResult(), TaskScheduler.Default);
            cancel.ThrowIfCancellationRequested();
        };
        await StartAsync(1, Auto with { Refill = RefillChoice.Auto });
        await UntilAsync(_ => Templates.Made == 1);

        Proof.Proof.SetResult(Proved);

        // There is one boot slot: it is free again.
        var pool = await UntilAsync(p => p.Warm == 1);
        await givenUp.Task;
        Assert.All(pool.Vms, vm => Assert.Equal((Accelerator.Kvm, MadeBy.Clone), (vm.Spec.Accelerator, vm.Facts!.MadeBy)));
        Assert.DoesNotContain(pool.Events, e => e.What.Contains("could not be made", StringComparison.Ordinal));
        Assert.Equal(2, Templates.Made);
    }

    [Fact]
    public async Task Gives_boots_up_that_nobody_needs_once_kvm_is_proved()
    {
        Hypervisor.Script = (spec, step, cancel) => step == VmStep.Agent && spec.Accelerator == Accelerator.Tcg ? Never(cancel) : Task.CompletedTask;
        await StartAsync(1, Auto);
        await UntilAsync(p => p.Vms.Any(v => v.Life.Phase == VmPhase.Booting));

        Proof.Proof.SetResult(Proved);

        var pool = await UntilAsync(p => p is { Warm: 1, Vms.Count: 1 });
        Assert.Equal(Accelerator.Kvm, pool.Vms.Single().Spec.Accelerator);
        Assert.Single(Hypervisor.Alive);
        Assert.Contains(pool.Events, e => e.What == $"was booting, ended: {PoolSettings.OtherAccelerator}");
    }

    /// <summary>What was being proved before the restart says nothing about what is proved after it.</summary>
    [Fact]
    public async Task Takes_no_proof_of_before_its_restart_for_another_pools()
    {
        var proofs = new System.Collections.Concurrent.ConcurrentQueue<(PoolName Pool, TaskCompletionSource<AcceleratorVerdict> Ends)>();
        Proof.Script = (spec, _) =>
        {
            var ends = new TaskCompletionSource<AcceleratorVerdict>(TaskCreationOptions.RunContinuationsAsynchronously);
            proofs.Enqueue((spec.Pool, ends));
            return ends.Task;
        };
        await StartAsync(Auto, Pool("other", number: 1, with: p => p with { Accelerator = AcceleratorChoice.Auto }));
        await UntilAsync(_ => proofs.Count == 1);
        var actor = await Sys.ActorSelection(Node.Path / "accelerator").ResolveOne(TimeSpan.FromSeconds(20));
        await EventFilter.Exception<ActorKilledException>().ExpectAsync(1, () => { actor.Tell(Kill.Instance); return Task.CompletedTask; });
        await UntilAsync(_ => proofs.Count == 2);

        var first = proofs.First().Pool;
        var other = first == PoolName.Default ? new PoolName("other") : PoolName.Default;
        proofs.First().Ends.SetResult(Proved);
        End(proofs.ElementAt(1));
        await UntilAsync(_ => proofs.Count == 3);
        End(proofs.Last());

        Assert.Equal(Accelerator.Tcg, (await UntilAsync(p => p.AcceleratorReason == "KVM refused it", other.Value)).Accelerator);
        await UntilAsync(p => p.Accelerator == Accelerator.Kvm, first.Value);
        Assert.Equal(3, proofs.Count);

        void End((PoolName Pool, TaskCompletionSource<AcceleratorVerdict> Ends) proof)
            => proof.Ends.SetResult(proof.Pool == first ? Proved : new AcceleratorVerdict(Accelerator.Tcg, "KVM refused it"));
    }

    /// <summary>As one minute of a host that is overloaded.</summary>
    [Fact]
    public async Task Proves_again_with_longer_limits_when_a_limit_was_met()
    {
        var late = new AcceleratorVerdict(Accelerator.Tcg, "no kernel message within 4 s") { Outcome = ProofOutcome.Failed, Cause = VmFailureKind.Boot };
        Proof.Next.Enqueue(late);
        Proof.Next.Enqueue(late with { Reason = "no kernel message within 8 s" });
        Proof.Next.Enqueue(Proved);
        await StartAsync(Auto);
        await UntilAsync(p => p.AcceleratorReason == late.Reason && p.Warm == 1);

        await UntilAsync(async () => { Time.Advance(TimeSpan.FromSeconds(30)); return await PoolAsync(); }, p => p.AcceleratorReason.EndsWith(" 8 s", StringComparison.Ordinal));
        await UntilAsync(async () => { Time.Advance(TimeSpan.FromSeconds(30)); return await PoolAsync(); }, p => p.Accelerator == Accelerator.Kvm);

        var first = ProofOptions.Default.Limits;
        Assert.Equal([first, first.Times(2), first.Times(4)], Proof.Limits);
    }

    [Fact]
    public async Task Says_that_the_device_is_there_soon_after_it_appeared()
    {
        var absent = new AcceleratorVerdict(Accelerator.Tcg, "/dev/kvm is missing") { Outcome = ProofOutcome.NoDevice };
        Proof.Script = (_, _) => Task.FromResult(absent);
        await StartAsync(Auto);
        var waited = 0;
        await WaitAsync(_ => Proof.Proofs >= 20);
        Proof.Script = (_, _) => Task.FromResult(Proved);

        await WaitAsync(p => p.AcceleratorReason == Proved.Reason);

        // Some are in vain, for the last look had not ended.
        Assert.InRange(waited, 20, 100);

        Task<PoolView> WaitAsync(Func<PoolView, bool> condition) => UntilAsync(
            async () =>
            {
                Time.Advance(ProofCourse.LookForDevice);
                waited++;
                return await PoolAsync();
            },
            condition);
    }

    [Fact]
    public async Task Proves_anew_what_was_refused_when_it_is_asked_to()
    {
        Proof.Known = new AcceleratorVerdict(Accelerator.Tcg, "KVM refuses the guest");
        await StartAsync(Auto, Pool("named", number: 1));
        await UntilAsync(p => p.AcceleratorReason == "KVM refuses the guest" && p.Warm == 1);
        Proof.Next.Enqueue(Proved);

        var begun = Assert.IsType<KvmProofsBegun>(await AskVmAsync(ProveKvmAnew.Instance));

        Assert.Equal([PoolName.Default], begun.Pools);
        await UntilAsync(p => p.Accelerator == Accelerator.Kvm && p.AcceleratorReason == Proved.Reason);
        Assert.Equal(1, Proof.Proofs);
        Assert.Empty(Assert.IsType<KvmProofsBegun>(await AskVmAsync(ProveKvmAnew.Instance)).Pools);
    }

    /// <summary>The proof that is under way may have begun before its cause was gone.</summary>
    [Fact]
    public async Task Begins_a_proof_anew_when_it_is_asked_to()
    {
        Proof.Script = (_, cancel) => Proof.Proofs == 1 ? Task.Delay(Timeout.Infinite, cancel).ContinueWith(_ => Proved with { Accelerator = Accelerator.Tcg }, TaskScheduler.Default) : Task.FromResult(Proved);
        await StartAsync(Auto);
        await UntilAsync(_ => Proof.Proofs == 1);

        Assert.IsType<KvmProofsBegun>(await AskVmAsync(ProveKvmAnew.Instance));

        await UntilAsync(p => p.Accelerator == Accelerator.Kvm);
        Assert.Equal(2, Proof.Proofs);
    }

    [Fact]
    public async Task Says_why_refusals_cannot_be_forgotten_and_keeps_to_them()
    {
        Proof.Known = new AcceleratorVerdict(Accelerator.Tcg, "KVM refuses the guest");
        Proof.Kept = "No space left on device";
        await StartAsync(Auto);
        await UntilAsync(p => p.AcceleratorReason == "KVM refuses the guest");

        Assert.Equal(Proof.Kept, Assert.IsType<KvmNotProved>(await AskVmAsync(ProveKvmAnew.Instance)).Reason);
    }

    /// <summary>A pool that names its accelerator meanwhile has no use for it.</summary>
    [Fact]
    public async Task Gives_a_proof_up_that_nobody_asks_for_any_more()
    {
        var givenUp = new TaskCompletionSource();
        Proof.Script = async (_, cancel) =>
        {
            await Never(cancel).ContinueWith(_ => givenUp.TrySetResult(), TaskScheduler.Default);
            throw new OperationCanceledException(cancel);
        };
        await StartAsync(Auto);
        await UntilAsync(_ => Proof.Proofs == 1);

        await AskVmAsync(new ApplyPools([Pool(number: 1, with: p => p with { Spec = p.Spec with { MemoryMiB = 512 } })]));

        await givenUp.Task.WaitAsync(TimeSpan.FromSeconds(20));
        await UntilAsync(p => p.AcceleratorReason == "configured" && p.Warm == 1 && p.Vms.All(v => v.Spec.MemoryMiB == 512));
    }
}
