using VmCacheCluster.Domain;
using VmCacheCluster.Tests.TestSupport.History;
using static VmCacheCluster.Tests.TestSupport.History.HistoryEvent;

namespace VmCacheCluster.Tests.Unit.TestSupport;

/// <summary>Each fault that the checker is there for is planted, and is found.</summary>
public class HistoryCheckerSpecs
{
    private static readonly VmId Vm = VmId.New();
    private static readonly VmId Other = VmId.New();
    private static readonly LeaseToken Token = LeaseToken.New();
    private static readonly Dictionary<VmId, LeaseToken?> Nothing = [];

    [Fact]
    public void Finds_nothing_when_all_is_well() => Assert.Empty(Faults(
        new Made(Vm), new Asked(), Grant(Vm, "a"), new Settled(), new Confirmed(Vm),
        new DaemonKilled(), new DaemonStarted(), new Looked(At(50), new Dictionary<VmId, LeaseToken?> { [Vm] = Token }),
        Grant(Vm, "a"), new Renewed(Vm, At(200)), new Counted(2, 2, 1), new Released(Vm), new Destroyed(Vm, At(60)),
        new Ended([Other], [Other])));

    [Fact]
    public void Finds_a_second_holder() => Finds("was a's", new Made(Vm), Grant(Vm, "a"), Grant(Vm, "b"));

    [Fact]
    public void Finds_a_second_holder_when_the_first_has_released_it()
        => Finds("was a's", new Made(Vm), Grant(Vm, "a"), new Released(Vm), Grant(Vm, "b"));

    [Fact]
    public void Finds_an_id_that_is_given_out_twice() => Finds("made a second time", new Made(Vm), new Made(Vm));

    [Fact]
    public void Finds_two_vms_of_one_key() => Finds("holds VM", new Made(Vm), new Made(Other), Grant(Vm, "a"), Grant(Other, "a"));

    [Fact]
    public void Finds_another_token_for_the_same_lease()
        => Finds("another token", new Made(Vm), Grant(Vm, "a"), new Granted(Vm, "a", LeaseToken.New(), At(0), At(30), At(100)));

    [Fact]
    public void Finds_a_vm_that_is_handed_out_after_its_end() => Finds("although it was ended", new Made(Vm), new Destroyed(Vm, At(0)), Grant(Vm, "a"));

    [Fact]
    public void Finds_a_vm_that_is_handed_out_after_somebody_ran_it() => Finds("somebody had run it", new Made(Vm), new Spoilt(Vm), Grant(Vm, "a"));

    [Fact]
    public void Finds_a_confirmed_lease_that_is_ended_before_its_time()
        => Finds("although a holds it", new Made(Vm), Grant(Vm, "a"), new Confirmed(Vm), new Destroyed(Vm, At(40)));

    [Fact]
    public void Finds_a_lease_that_is_ended_before_its_holder_had_to_act()
        => Finds("although a holds it", new Made(Vm), Grant(Vm, "a"), new Destroyed(Vm, At(29)));

    [Fact]
    public void Lets_a_lease_end_that_was_not_confirmed_or_has_expired()
        => Assert.Empty(Faults(
            new Made(Vm), Grant(Vm, "a"), new Destroyed(Vm, At(30)), new Made(Other), Grant(Other, "b"), new Confirmed(Other), new Destroyed(Other, At(100))));

    [Fact]
    public void Finds_a_lease_that_a_restart_lost()
        => Finds("is lost", new Made(Vm), Grant(Vm, "a"), new Confirmed(Vm), new DaemonKilled(), new DaemonStarted(), new Looked(At(50), Nothing));

    [Fact]
    public void Finds_a_lease_that_a_restart_gave_another_token()
        => Finds("another token", new Made(Vm), Grant(Vm, "a"), new Looked(At(10), new Dictionary<VmId, LeaseToken?> { [Vm] = LeaseToken.New() }));

    [Fact]
    public void Finds_more_vms_than_the_target_and_the_callers_since_the_last_rest()
    {
        Finds("3 VMs are warm", new Counted(2, 3, 0));
        Finds("2 VMs are warm and 2 being made", new Asked(), new Counted(2, 2, 2));
        Finds("1 VMs are warm and 2 being made", new Asked(), new Settled(), new AtRest(), new Counted(2, 1, 2));
    }

    [Fact]
    public void Finds_a_vm_that_is_nobodys_at_the_end_and_one_that_is_not_there() => Assert.Equal(2, Faults(new Ended([Vm], [Other])).Count);

    private static TimeSpan At(int seconds) => TimeSpan.FromSeconds(seconds);

    private static Granted Grant(VmId vm, string holder) => new(vm, holder, Token, At(0), At(30), At(100));

    private static IReadOnlyList<string> Faults(params HistoryEvent[] history) => HistoryChecker.Faults(history);

    private static void Finds(string words, params HistoryEvent[] history)
        => Assert.Contains(words, Assert.Single(Faults(history)), StringComparison.Ordinal);
}
