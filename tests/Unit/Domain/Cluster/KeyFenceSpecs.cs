using VmCacheCluster.Domain;
using Xunit;
using static VmCacheCluster.Tests.Unit.Domain.Cluster.KeyHomesSpecs;

namespace VmCacheCluster.Tests.Unit.Domain.Cluster;

public class KeyFenceSpecs
{
    private const long Home = 7;
    private static readonly PoolKey One = Key("a"), Other = Key("b");

    [Fact]
    public void Says_that_a_vm_is_being_given_while_it_is()
    {
        var fence = new KeyFence();
        Assert.True(fence.Enter(One, Home, 1));
        Assert.True(fence.Enter(One, Home, 2));
        fence.Leave(One);

        Assert.True(fence.Look(One, Home, 3));
        Assert.False(fence.Look(Other, Home, 4));
        Assert.Equal([One], fence.LookAtAll(Home, 5));
        fence.Leave(One);
        Assert.False(fence.Look(One, Home, 6));
        Assert.Empty(fence.LookAtAll(Home, 7));
    }

    [Fact]
    public void Forgets_no_later_look_when_an_earlier_one_arrives_after_it()
    {
        var fence = new KeyFence();
        fence.Look(One, Home, 4);
        fence.Look(One, Home, 1);

        Assert.False(fence.Enter(One, Home, 3));
        fence.Look(One, Home + 1, 1);
        Assert.True(fence.Enter(One, Home + 1, 2));
    }

    [Fact]
    public void Gives_nothing_that_was_asked_for_before_it_said_what_it_has()
    {
        var fence = new KeyFence();
        fence.Look(One, Home, 5);

        Assert.False(fence.Enter(One, Home, 4));
        Assert.True(fence.Enter(One, Home, 6));
        Assert.True(fence.Enter(Other, Home, 4));

        fence.LookAtAll(Home, 10);
        Assert.False(fence.Enter(Other, Home, 9));
        Assert.True(fence.Enter(Other, Home, 11));
        // Another home numbers for itself; whether it is one is for the members to say.
        Assert.True(fence.Enter(One, Home + 1, 1));
    }

    [Fact]
    public void Forgets_the_oldest_when_there_are_too_many()
    {
        var fence = new KeyFence(most: 2);
        for (var i = 0; i < 3; i++) fence.Look(Key($"k{i}"), Home, 5);
        Assert.True(fence.Enter(Key("k0"), Home, 4));
        Assert.False(fence.Enter(Key("k1"), Home, 4));
        Assert.False(fence.Enter(Key("k2"), Home, 4));
    }
}
