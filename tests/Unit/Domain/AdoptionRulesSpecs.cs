using VmCacheCluster.Domain;
using VmCacheCluster.Domain.Ports;

namespace VmCacheCluster.Tests.Unit.Domain;

public class AdoptionRulesSpecs
{
    private static readonly VmSpec Spec = new() { Pool = PoolName.Default, Qemu = "/q", Kernel = "/k", Initrd = "/i" };
    private static readonly VmFacts Facts = new(VmId.New(), Spec, new VmPaths("/d", "/c", "/s", "/q", "/a", "/o", "/h"), new ProcessIdentity(7, 1), MadeBy.Boot);
    private static readonly LeaseRecord Lease = new(LeaseToken.New(), "", "", null, new Dictionary<string, string>(), TimeSpan.FromMinutes(1));

    private static FoundVm Warm => Held(VmOwnership.Warm, HandOutPath.None);

    /// <summary>What outweighs everything that comes after it.</summary>
    public static TheoryData<string, FoundVm, Adoption, string> Unusable => new()
    {
        { "another's directory", Warm with { Trusted = false, Problem = "a symlink" }, Adoption.Quarantine, "a symlink" },
        { "another's directory of a dead VM", Warm with { Trusted = false, Process = FoundProcess.Gone }, Adoption.Quarantine, "not to be trusted" },
        { "a process without a directory", Bare(FoundRecord.Missing) with { HasDirectory = false }, Adoption.Quarantine, "directory is gone" },
        { "a held VM without a directory", Held(VmOwnership.Confirmed, HandOutPath.Kata) with { HasDirectory = false }, Adoption.Quarantine, "directory is gone" },
        { "neither a directory nor a process", Bare(FoundRecord.Missing) with { HasDirectory = false, Process = FoundProcess.Gone }, Adoption.Reap, "gone" },
        { "no record and no state", Bare(FoundRecord.Missing), Adoption.Quarantine, "its process lives" },
        { "no record, and being made", Recordless(VmOwnership.Making), Adoption.Reap, "start was interrupted" },
        { "no record, and warm", Recordless(VmOwnership.Warm), Adoption.Reap, "nobody has it" },
        { "no record, and being ended", Recordless(VmOwnership.Stopping), Adoption.Reap, "nobody has it" },
        { "no record, and held", Recordless(VmOwnership.Confirmed), Adoption.Quarantine, "its process lives" },
        { "no record, held, and dead", Recordless(VmOwnership.Confirmed) with { Process = FoundProcess.Gone }, Adoption.Reap, "interrupted" },
        { "held, and without a monitor", Held(VmOwnership.Confirmed, HandOutPath.Kata) with { Reachable = false }, Adoption.Quarantine, "no daemon can drive it" },
        { "warm, and without a monitor", Warm with { Reachable = false }, Adoption.Reap, "monitor is gone" },
        { "no record, no process", Bare(FoundRecord.Missing) with { Process = FoundProcess.Gone }, Adoption.Reap, "start was interrupted" },
        { "a record that cannot be read", Bare(FoundRecord.Unreadable) with { Problem = "of version 9" }, Adoption.Quarantine, "of version 9" },
        { "... of a dead VM", Bare(FoundRecord.Unreadable) with { Process = FoundProcess.Gone }, Adoption.Quarantine, "cannot be read" },
        { "no process", Warm with { Process = FoundProcess.Gone }, Adoption.Reap, "its process is gone" },
        { "no process, and held", Held(VmOwnership.Confirmed, HandOutPath.V1) with { Process = FoundProcess.Gone }, Adoption.Reap, "its process is gone" },
        { "another program's pid", Warm with { Process = FoundProcess.Reused }, Adoption.Reap, "another program's" },
        { "no process, no state", Warm with { Process = FoundProcess.Gone, Mark = null }, Adoption.Reap, "its process is gone" },
        { "no state", Warm with { Mark = null, Problem = "bad checksum" }, Adoption.Quarantine, "bad checksum" },
        { "v1's without a lease", Held(VmOwnership.Confirmed, HandOutPath.V1) with { Lease = null, Problem = "lease.json is cut off" }, Adoption.Quarantine, "cut off" },
        { "reserved by v1 without a lease", Held(VmOwnership.Reserved, HandOutPath.V1) with { Lease = null }, Adoption.Quarantine, "lease cannot be read" },
    };

    [Theory]
    [MemberData(nameof(Unusable))]
    public void Judges_by_the_first_thing_that_is_wrong(string what, FoundVm found, Adoption expected, string reason)
    {
        foreach (var wanted in new[] { Spec, null })
        {
            var verdict = AdoptionRules.Classify(found, wanted);
            Assert.True(expected == verdict.What, what);
            Assert.Contains(reason, verdict.Reason);
        }
    }

    [Fact]
    public void Has_an_answer_for_whatever_a_state_file_says()
    {
        foreach (var ownership in Enum.GetValues<VmOwnership>())
            foreach (var path in Enum.GetValues<HandOutPath>())
                Assert.Equal(ownership switch
                {
                    VmOwnership.Making or VmOwnership.Stopping => Adoption.Reap,
                    _ => Adoption.Adopt,
                }, AdoptionRules.Classify(Held(ownership, path), Spec).What);
    }

    [Theory]
    [InlineData(VmOwnership.Reserved)]
    [InlineData(VmOwnership.Preparing)]
    [InlineData(VmOwnership.Unconfirmed)]
    [InlineData(VmOwnership.Confirmed)]
    public void Keeps_what_somebody_holds_whatever_its_pool_makes_now(VmOwnership ownership)
    {
        Assert.Equal(Adoption.Adopt, AdoptionRules.Classify(Held(ownership, HandOutPath.V1), wanted: null).What);
        Assert.Equal(Adoption.Adopt, AdoptionRules.Classify(Held(ownership, HandOutPath.Kata), Spec with { MemoryMiB = 512 }).What);
    }

    [Fact]
    public void Keeps_a_warm_vm_only_when_its_pool_would_make_it_again()
    {
        Assert.Equal(Adoption.Adopt, AdoptionRules.Classify(Warm, Spec).What);
        // Which accelerator it is to be is found out later, and such VMs are renewed one by one.
        Assert.Equal(Adoption.Adopt, AdoptionRules.Classify(Warm, Spec with { Accelerator = Accelerator.Kvm }).What);
        Assert.Contains("other VMs", Reaped(Spec with { MemoryMiB = 512 }));
        Assert.Contains("other VMs", Reaped(Spec with { KernelParameters = "quiet" }));
        Assert.Contains("no longer configured", Reaped(null));

        static string Reaped(VmSpec? wanted)
        {
            var verdict = AdoptionRules.Classify(Warm, wanted);
            Assert.Equal(Adoption.Reap, verdict.What);
            return verdict.Reason;
        }
    }

    [Fact]
    public void Knows_no_holder_by_a_lease_that_no_mark_speaks_of()
    {
        Assert.Null((Warm with { Lease = Lease }).HeldBy);
        Assert.Null((Held(VmOwnership.Reserved, HandOutPath.Kata) with { Lease = Lease }).HeldBy);
        Assert.Equal(Lease, Held(VmOwnership.Reserved, HandOutPath.V1).HeldBy);
    }

    /// <param name="cpu">Milliseconds of guest CPU time; -1: not known.</param>
    [Theory]
    [InlineData(VmOwnership.Warm, HandOutPath.None, VmCondition.Paused, 100, 100, TakenOver.AsMarked)]
    [InlineData(VmOwnership.Warm, HandOutPath.None, VmCondition.Paused, 100, 101, TakenOver.Spoilt)] // resumed and paused
    [InlineData(VmOwnership.Warm, HandOutPath.None, VmCondition.Paused, 100, -1, TakenOver.AsMarked)]
    [InlineData(VmOwnership.Warm, HandOutPath.None, VmCondition.Paused, 0, 500, TakenOver.AsMarked)] // it was not known then
    [InlineData(VmOwnership.Warm, HandOutPath.None, VmCondition.Running, 100, 100, TakenOver.Spoilt)]
    [InlineData(VmOwnership.Warm, HandOutPath.None, VmCondition.Ended, 100, 100, TakenOver.Spoilt)]
    [InlineData(VmOwnership.Warm, HandOutPath.None, VmCondition.Saving, 100, 100, TakenOver.AsMarked)]
    [InlineData(VmOwnership.Warm, HandOutPath.None, VmCondition.Saving, 100, 200, TakenOver.Spoilt)]
    [InlineData(VmOwnership.Reserved, HandOutPath.Kata, VmCondition.Paused, 100, 100, TakenOver.AsMarked)]
    [InlineData(VmOwnership.Reserved, HandOutPath.Kata, VmCondition.Paused, 100, 101, TakenOver.RanMeanwhile)]
    [InlineData(VmOwnership.Reserved, HandOutPath.Kata, VmCondition.Running, 100, -1, TakenOver.RanMeanwhile)]
    [InlineData(VmOwnership.Unconfirmed, HandOutPath.Kata, VmCondition.Running, 100, 100, TakenOver.RanMeanwhile)]
    [InlineData(VmOwnership.Unconfirmed, HandOutPath.Kata, VmCondition.Ended, 100, 200, TakenOver.RanMeanwhile)]
    [InlineData(VmOwnership.Confirmed, HandOutPath.Kata, VmCondition.Running, 100, 200, TakenOver.AsMarked)]
    [InlineData(VmOwnership.Confirmed, HandOutPath.Kata, VmCondition.Ended, 100, 200, TakenOver.AsMarked)] // its holder's affair
    [InlineData(VmOwnership.Reserved, HandOutPath.V1, VmCondition.Running, 100, 200, TakenOver.AsMarked)] // by us
    [InlineData(VmOwnership.Preparing, HandOutPath.V1, VmCondition.Running, 100, 200, TakenOver.AsMarked)]
    [InlineData(VmOwnership.Unconfirmed, HandOutPath.V1, VmCondition.Running, 100, 200, TakenOver.AsMarked)]
    [InlineData(VmOwnership.Confirmed, HandOutPath.V1, VmCondition.Paused, 100, 200, TakenOver.AsMarked)]
    public void Tells_what_was_done_to_a_vm_while_no_daemon_watched(
        VmOwnership ownership, HandOutPath path, VmCondition condition, int marked, int cpu, TakenOver expected)
    {
        var mark = new VmMark(ownership, path, Served.Warm, default, GuestCpu: TimeSpan.FromMilliseconds(marked));

        var verdict = AdoptionRules.Consider(mark, condition, cpu < 0 ? null : TimeSpan.FromMilliseconds(cpu));

        Assert.Equal(expected, verdict.What);
        Assert.Equal(expected == TakenOver.Spoilt, verdict.Reason.Length > 0);
    }

    private static FoundVm Held(VmOwnership ownership, HandOutPath path)
        => new(Facts.Id, Facts, new VmMark(ownership, path, Served.Warm, default), FoundProcess.Alive, null) { Lease = path == HandOutPath.V1 ? Lease : null };

    private static FoundVm Recordless(VmOwnership ownership) =>
        Bare(FoundRecord.Missing) with { Mark = new VmMark(ownership, HandOutPath.None, Served.Warm, default) };

    private static FoundVm Bare(FoundRecord record) => new(VmId.New(), null, null, FoundProcess.Alive, null) { Record = record };
}
