using VmCacheCluster.Domain;
using VmCacheCluster.Domain.Ports;

namespace VmCacheCluster.Tests.Actors;

/// <summary>What a pool is told of KVM, and when that is looked at again.</summary>
public sealed class AcceleratorSpecs : NodeFixture
{
    private static readonly AcceleratorVerdict NotTried =
        new(Accelerator.Tcg, "KVM could not be tried: kata-proxy did not start") { Settled = false };

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

        Time.Advance(ProofPace.First);
        await UntilAsync(_ => Proof.Proofs == 2);
        await UntilAsync(
            async () =>
            {
                Time.Advance(ProofPace.After(2));
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
        var settled = NotTried with { Reason = "KVM did not run the guest: no kernel message within 10 s", Settled = true };
        Proof.Next.Enqueue(settled);
        await StartAsync(Auto);
        await UntilAsync(p => p.AcceleratorReason == settled.Reason);

        Time.Advance(ProofPace.Longest);

        Assert.Equal(settled.Reason, (await UntilAsync(p => p.Warm == 1)).AcceleratorReason);
        Assert.Equal(1, Proof.Proofs);
    }

    [Theory]
    [InlineData(1, 10)]
    [InlineData(2, 20)]
    [InlineData(5, 160)]
    [InlineData(6, 300)]
    [InlineData(1000, 300)]
    public void Tries_less_and_less_often(int attempts, double seconds) =>
        Assert.Equal(TimeSpan.FromSeconds(seconds), ProofPace.After(attempts));
}
