using VmCacheCluster.Domain;

namespace VmCacheCluster.Tests.Unit.Domain;

public class PoolCatalogSpecs
{
    private static readonly PoolName Web = new("web");

    private static readonly PoolDefinition First = new(Web, 1, "memory = \"64MiB\"\n"), Second = new(Web, 2, "memory = \"128MiB\"\n"), Gone = new(Web, 3, "", Deleted: true);

    [Fact]
    public void Comes_to_the_same_whatever_it_hears_first()
    {
        foreach (var order in (PoolDefinition[][])[[First, Second, Gone], [Gone, First, Second], [Second, Gone, First]])
            Assert.Equal(Gone, order.Aggregate(PoolCatalog.Empty, (catalog, heard) => catalog.Merge([heard])).Definitions.Single());

        var (a, b) = (First, First with { Text = "memory = \"65MiB\"\n" });
        Assert.Equal(PoolCatalog.Empty.Merge([a]).Merge([b]).Definitions, PoolCatalog.Empty.Merge([b]).Merge([a]).Definitions);
    }

    [Fact]
    public void Is_the_same_catalog_when_it_hears_nothing_new()
    {
        var catalog = PoolCatalog.Empty.Merge([Second]);

        Assert.Same(catalog, catalog.Merge([First, Second]));
        Assert.Same(catalog, catalog.Share(new Dictionary<PoolName, int> { [Web] = 0, [new PoolName("other")] = 3 }));
    }

    [Fact]
    public void Goes_back_to_what_was_reached_last()
    {
        var catalog = PoolCatalog.Empty.Merge([First]);
        Assert.True(catalog.Pools[Web].Reached.Deleted);

        catalog = catalog.Reach(Web).Merge([Second]);
        Assert.Equal((Second, First), (catalog.Pools[Web].InEffect, catalog.Pools[Web].Reached));

        catalog = catalog.Undo(Web, "it does not boot");
        Assert.Equal(First, catalog.Pools[Web].InEffect);
        Assert.Equal(Second, catalog.Definitions.Single());

        // What is applied after that is tried again, with the same to go back to.
        catalog = catalog.Merge([Second with { Version = 3 }]);
        Assert.Equal((3, First, (string?)null), (catalog.Pools[Web].InEffect.Version, catalog.Pools[Web].Reached, catalog.Pools[Web].Undone));
    }

    [Fact]
    public void Keeps_its_share_when_its_definition_changes()
        => Assert.Equal(4, PoolCatalog.Empty.Merge([First]).Share(new Dictionary<PoolName, int> { [Web] = 4 }).Merge([Second]).Pools[Web].Share);

    [Fact]
    public void Has_a_digest_that_tells_what_is_known_and_not_in_which_order()
    {
        var other = new PoolDefinition(new PoolName("other"), 7, "");

        Assert.Equal(0UL, PoolDefinition.Digest([]));
        Assert.Equal(PoolDefinition.Digest([First, other]), PoolDefinition.Digest([other, First]));
        Assert.Equal(5, new[] { PoolDefinition.Digest([First]), PoolDefinition.Digest([Second]), PoolDefinition.Digest([First, other]), PoolDefinition.Digest([Gone]), PoolDefinition.Digest([Gone with { Version = 4 }]) }.Distinct().Count());
    }
}
