using VmCacheCluster.Domain;

namespace VmCacheCluster.Tests.Unit.Domain.Cluster;

public class JoinRulesSpecs
{
    private static readonly NodeAddress A = new("a", 1), B = new("b", 1), C = new("c", 1), D = new("d", 1);

    private static readonly ClusterMemory Three = new("vmcache", "id", [A, B, C]);

    [Fact]
    public void Joins_the_larger_of_two_islands()
        => Assert.Equal(
            new JoinStep.Join(C),
            JoinRules.Decide(A, Three, bootstrap: true, [new Knocked.Member(B, "id", 1), new Knocked.Member(C, "id", 2), new Knocked.Alone(D)]));

    [Fact]
    public void Forms_a_cluster_once_and_when_told_to()
    {
        Assert.Equal(new JoinStep.Form(null), JoinRules.Decide(A, null, bootstrap: true, [new Knocked.Silent(B, "refused")]));
        Assert.Contains("--bootstrap", Wait(JoinRules.Decide(A, null, bootstrap: false, [])));
        Assert.Contains("b:1: refused", Wait(JoinRules.Decide(A, null, bootstrap: false, [new Knocked.Silent(B, "refused")])));
    }

    [Fact]
    public void Forms_none_beside_one_that_does_not_take_it()
        => Assert.Contains("b:1 does not take this node: too old", Wait(JoinRules.Decide(A, null, bootstrap: true, [new Knocked.Refused(B, "too old")])));

    [Fact]
    public void Never_forms_a_new_one_where_it_was_a_member()
        => Assert.Contains("1 of the 3 members", Wait(JoinRules.Decide(A, Three, bootstrap: true, [new Knocked.Silent(B, "x"), new Knocked.Silent(C, "y")])));

    [Fact]
    public void Forms_it_again_on_the_lowest_of_more_than_half()
    {
        Assert.Equal(new JoinStep.Form("id"), JoinRules.Decide(A, Three, bootstrap: false, [new Knocked.Alone(B), new Knocked.Silent(C, "x")]));
        Assert.Contains("a:1 is about to", Wait(JoinRules.Decide(B, Three, bootstrap: false, [new Knocked.Alone(A), new Knocked.Silent(C, "x")])));
    }

    [Fact]
    public void Counts_only_former_members()
        => Assert.Contains("1 of the 3", Wait(JoinRules.Decide(A, Three, bootstrap: false, [new Knocked.Alone(D), new Knocked.Silent(B, "x")])));

    [Fact]
    public void Counts_itself_when_it_has_another_address_now()
        => Assert.Contains("2 of the 4", Wait(JoinRules.Decide(D, Three, bootstrap: false, [new Knocked.Alone(A), new Knocked.Silent(B, "x")])));

    [Fact]
    public void Expects_a_cluster_at_any_moment_while_others_wait_for_one()
    {
        Assert.True(Waits(JoinRules.Decide(A, null, bootstrap: false, [new Knocked.Alone(B), new Knocked.Silent(C, "x")])).OthersWait);
        Assert.True(Waits(JoinRules.Decide(B, Three, bootstrap: false, [new Knocked.Alone(A), new Knocked.Silent(C, "x")])).OthersWait);
        Assert.False(Waits(JoinRules.Decide(A, null, bootstrap: false, [new Knocked.Silent(B, "x")])).OthersWait);
        Assert.False(Waits(JoinRules.Decide(A, Three, bootstrap: false, [new Knocked.Silent(B, "x"), new Knocked.Silent(C, "x")])).OthersWait);
    }

    [Theory]
    [InlineData(1, "a", 2, "b", true)]
    [InlineData(2, "b", 1, "a", false)]
    [InlineData(2, "b", 2, "a", true)]
    [InlineData(2, "a", 2, "b", false)]
    [InlineData(2, "a", 2, "a", false)]
    public void Lets_exactly_one_of_two_islands_give_way(int members, string lowest, int theirs, string theirLowest, bool gives)
        => Assert.Equal(gives, JoinRules.GivesWay(members, new NodeAddress(lowest, 1), theirs, new NodeAddress(theirLowest, 1)));

    private static JoinStep.Wait Waits(JoinStep step) => Assert.IsType<JoinStep.Wait>(step);

    private static string Wait(JoinStep step) => Waits(step).Reason;
}
