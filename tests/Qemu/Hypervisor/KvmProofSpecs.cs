using VmCacheCluster.Domain;
using VmCacheCluster.Domain.Ports;
using VmCacheCluster.Hypervisor.Qemu;
using VmCacheCluster.Tests.TestSupport;
using Xunit;

namespace VmCacheCluster.Tests.Qemu.Hypervisor;

/// <summary>What is concluded from how a guest fares under KVM, on a host that has /dev/kvm whether this one does or not.</summary>
[Trait("Category", "Fake")]
public sealed class KvmProofSpecs
{
    private const string Kernel = "console=[    0.000000] Linux version 6.1.0-18-cloud-amd64";

    private static readonly CancellationToken None = CancellationToken.None;

    /// <summary>A host that is overloaded for a minute shows the same.</summary>
    [SkippableTheory]
    [InlineData("agent=never", "no kernel message within 0.3 s", "kvm-proof.kernel-limit")]
    [InlineData(Kernel + "\nagent=never", "agent did not answer within 3 s", "kvm-proof.agent-limit")]
    [InlineData("panic-after=700ms\nagent=never\n" + Kernel, "its last console output", "--retry-kvm")]
    [InlineData("exit-at-start=1:something new", "something new", "--retry-kvm")]
    public async Task Does_not_keep_what_may_have_been_the_hosts_load_and_says_what_to_do(string directives, string cause, string remedy)
    {
        await using var house = new HypervisorHouse();

        var (verdict, later) = await ProveAsync(house, directives);

        Assert.Equal((Accelerator.Tcg, ProofOutcome.Failed), (verdict.Accelerator, verdict.Outcome));
        Assert.Null(later);
        Assert.True(verdict.Reason.Contains(cause, StringComparison.Ordinal), verdict.Reason);
        Assert.Contains(remedy, verdict.Reason, StringComparison.Ordinal);
        Assert.DoesNotContain("boot-timeout", verdict.Reason, StringComparison.Ordinal);
        house.AssertEmpty();
    }

    [SkippableTheory]
    [InlineData("exit-at-start=134:error: failed to set MSR 0x10a to 0x0")]
    [InlineData("exit-at-start=1:ioctl(KVM_CREATE_VM) failed: 22 Invalid argument")]
    [InlineData("exit-at-start=1:-accel kvm: invalid accelerator kvm")]
    public async Task Keeps_what_kvm_refused(string directives)
    {
        await using var house = new HypervisorHouse();

        var (verdict, later) = await ProveAsync(house, directives);

        Assert.Equal((Accelerator.Tcg, ProofOutcome.Settled), (verdict.Accelerator, verdict.Outcome));
        Assert.Equal(verdict, later);
        house.AssertEmpty();
    }

    [SkippableTheory]
    [InlineData("exit-at-start=1:ioctl(KVM_CREATE_VM) failed: 16 Device or resource busy\nfailed to initialize kvm: Device or resource busy")]
    [InlineData("exit-at-start=1:cannot set up guest memory: Cannot allocate memory")]
    public async Task Tries_again_soon_when_the_host_had_no_room_for_it(string directives)
    {
        await using var house = new HypervisorHouse();

        var (verdict, later) = await ProveAsync(house, directives.Replace("\n", " | ", StringComparison.Ordinal));

        Assert.Equal((Accelerator.Tcg, ProofOutcome.NotTried), (verdict.Accelerator, verdict.Outcome));
        Assert.Null(later);
    }

    [SkippableFact]
    public async Task Keeps_that_kvm_ran_the_guest()
    {
        await using var house = new HypervisorHouse();

        var (verdict, later) = await ProveAsync(house, "");

        Assert.Equal((Accelerator.Kvm, ProofOutcome.Settled), (verdict.Accelerator, verdict.Outcome));
        Assert.Equal(verdict, later);
    }

    /// <summary>The path stays the same when a package replaces what a link leads to.</summary>
    [SkippableFact]
    public async Task Forgets_what_was_settled_of_another_file_behind_a_link()
    {
        await using var house = new HypervisorHouse();
        var target = Path.Combine(house.Root, "vmlinuz-6.1");
        File.WriteAllText(target, "exit-at-start=134:error: failed to set MSR 0x10a to 0x0");
        File.CreateSymbolicLink(Path.Combine(house.Root, "kernel"), target);
        var spec = Spec(house, "");
        var refused = await Proof(house).ProveAsync(spec, Limits, None);
        Assert.Equal(refused, Proof(house).Remembered(spec));

        File.WriteAllText(target, "");

        Assert.Null(Proof(house).Remembered(spec));
        Assert.Equal(Accelerator.Kvm, (await Proof(house).ProveAsync(spec, Limits, None)).Accelerator);
    }

    [SkippableFact]
    public async Task Forgets_refusals_and_nothing_else()
    {
        await using var house = new HypervisorHouse();
        var refused = Proof(house);
        await refused.ProveAsync(Spec(house, "exit-at-start=134:error: failed to set MSR 0x10a to 0x0"), Limits, None);
        var ran = Spec(house, "", "other");
        await refused.ProveAsync(ran, Limits, None);

        refused.ForgetRefusals();

        Assert.Null(Proof(house).Remembered(Spec(house, "exit-at-start=134:error: failed to set MSR 0x10a to 0x0")));
        Assert.Equal(Accelerator.Kvm, Proof(house).Remembered(ran)?.Accelerator);
    }

    [SkippableFact]
    public async Task Does_not_trust_what_it_knows_when_the_device_is_gone()
    {
        await using var house = new HypervisorHouse();
        var spec = Spec(house, "");
        await Proof(house).ProveAsync(spec, Limits, None);
        File.Delete(Device(house));

        Assert.Null(Proof(house, device: false).Remembered(spec));
        Assert.Equal(ProofOutcome.NoDevice, (await Proof(house, device: false).ProveAsync(spec, Limits, None)).Outcome);
    }

    [SkippableFact]
    public async Task Sees_a_device_that_appears()
    {
        await using var house = new HypervisorHouse();
        var proof = Proof(house, device: false);
        var spec = Spec(house, "");
        var absent = await proof.ProveAsync(spec, Limits, None);
        File.WriteAllText(Device(house), "");

        var verdict = await proof.ProveAsync(spec, Limits, None);

        Assert.Equal((ProofOutcome.NoDevice, Accelerator.Tcg), (absent.Outcome, absent.Accelerator));
        Assert.Contains("is missing", absent.Reason, StringComparison.Ordinal);
        Assert.Equal(Accelerator.Kvm, verdict.Accelerator);
    }

    private static readonly ProofLimits Limits = new(TimeSpan.FromSeconds(0.3), TimeSpan.FromSeconds(3));

    private static string Device(HypervisorHouse house) => Path.Combine(house.Root, "kvm");

    private static KvmProof Proof(HypervisorHouse house, bool device = true)
    {
        if (device) File.WriteAllText(Device(house), "");
        return new KvmProof(house.Options with { KvmDevice = Device(house) }, house.ThrowAways, new LinuxHostClock());
    }

    private static VmSpec Spec(HypervisorHouse house, string directives, string name = "kernel")
    {
        var path = Path.Combine(house.Root, name);
        if (!File.Exists(path)) File.WriteAllText(path, directives);
        return new VmSpec { Pool = PoolName.Default, Qemu = FakeQemuBinary.PathOrSkip(), Kernel = path, Initrd = path };
    }

    /// <returns>What is concluded, and what a later daemon knows of it.</returns>
    private static async Task<(AcceleratorVerdict Verdict, AcceleratorVerdict? Later)> ProveAsync(HypervisorHouse house, string directives)
    {
        var spec = Spec(house, directives);
        var verdict = await Proof(house).ProveAsync(spec, Limits, None);
        return (verdict, Proof(house).Remembered(spec));
    }
}
