using VmCacheCluster.Domain;
using Xunit;

namespace VmCacheCluster.Tests.Unit.Domain.Cluster;

public class VmRoutesSpecs
{
    private static readonly NodeName Self = new("here"), Other = new("there");

    private static readonly HostCapacity Host = new(Other, new NodeAddress("there", 4751), null, "v", HostState.Up, 0, new Dictionary<string, string>(), [], 1);

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    [InlineData(null)]
    public void Keeps_a_vm_with_the_hosts_own_tag_here(bool? here)
        => Assert.IsType<VmRoute.Here>(VmRoutes.Decide(Self.Tag, Self, here, Other, Host, "doubt"));

    [Fact]
    public void Keeps_a_vm_here_that_is_here_whatever_its_id_says()
        => Assert.IsType<VmRoute.Here>(VmRoutes.Decide(Other.Tag, Self, here: true, Other, Host, ""));

    [Theory]
    [InlineData(false)]
    [InlineData(null)]
    public void Goes_to_the_host_that_the_id_names(bool? here)
        => Assert.Equal(new VmRoute.Elsewhere(Host), VmRoutes.Decide(Other.Tag, Self, here, Other, Host, "somebody else is not reached"));

    [Fact]
    public void Says_that_a_known_host_is_away_when_it_is_not_reached()
        => Assert.Equal(new VmRoute.Away(Other), VmRoutes.Decide(Other.Tag, Self, here: false, Other, null, ""));

    [Fact]
    public void Says_that_there_is_no_such_vm_only_without_a_doubt()
    {
        Assert.IsType<VmRoute.Here>(VmRoutes.Decide("00000000", Self, here: false, null, null, ""));
        Assert.Equal(new VmRoute.Unclear("n is not reached"), VmRoutes.Decide("00000000", Self, here: false, null, null, "n is not reached"));
        // This host itself says why it cannot say anything.
        Assert.IsType<VmRoute.Here>(VmRoutes.Decide("00000000", Self, here: null, null, null, "n is not reached"));
    }

    [Fact]
    public void Has_no_doubt_when_this_node_is_a_member_and_all_are_reached_and_named()
        => Assert.Equal("", VmRoutes.Doubt(inside: true, "", [(Self, "a:1", true), (Other, "b:1", true)]));

    [Theory]
    [InlineData(false, "no seed answers", "this node is in no cluster now (no seed answers)")]
    [InlineData(true, "", "there is not reached; the node at c:1 has not said its name")]
    public void Names_what_is_in_doubt(bool inside, string standing, string doubt)
        => Assert.Equal(doubt, VmRoutes.Doubt(inside, standing, [(Self, "a:1", true), (Other, "b:1", false), (null, "c:1", true)]));

    [Fact]
    public void Remembers_the_names_of_those_who_have_left_and_forgets_the_oldest_when_there_are_too_many()
    {
        NodeName[] first = [new("a"), new("b"), new("c")];
        var memory = new ClusterMemory("c", "1", []) { Names = first };
        Assert.Equal([new NodeName("b"), new NodeName("c")], memory.FormerBeside([new NodeName("a")]));
        // One that is back is a member.
        Assert.Equal([new NodeName("c")], (memory with { Names = [new("a")], Former = [new("b"), new("c")] }).FormerBeside([new NodeName("a"), new NodeName("b")]));

        var many = memory with { Former = [.. Enumerable.Range(0, ClusterMemory.MostFormer).Select(i => new NodeName($"n{i}"))] };
        var left = many.FormerBeside([new NodeName("a")]);
        Assert.Equal((ClusterMemory.MostFormer, "n2", "c"), (left.Count, left[0].Value, left[^1].Value));
    }
}
