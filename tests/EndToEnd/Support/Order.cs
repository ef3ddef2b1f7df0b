using VmCacheCluster.Tests.EndToEnd.Support;
using Xunit.Abstractions;

[assembly: TestCollectionOrderer($"VmCacheCluster.Tests.EndToEnd.Support.{nameof(LongestFirst)}", "VmCacheCluster.Tests.EndToEnd")]

namespace VmCacheCluster.Tests.EndToEnd.Support;

/// <summary>Real VMs take a core each while they boot: one by one, beside specs of fakes, which mostly wait.</summary>
[CollectionDefinition(Name)]
public sealed class QemuCollection : ICollectionFixture<StoredTemplate>
{
    public const string Name = "real QEMU";
}

/// <summary>Specs that measure, that take what the host shares, or whose callers have little time: one by one, after all others.</summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class AloneCollection
{
    public const string Name = "alone";
}

/// <summary>Collections that take minutes begin first: a long one that began last would run by itself at the end.</summary>
public sealed class LongestFirst : ITestCollectionOrderer
{
    private static readonly string[] Longest =
    [
        QemuCollection.Name, nameof(CrashSpecs), nameof(ClusterCutSpecs), nameof(ClusterSpecs), nameof(ClusterKeySpecs),
        nameof(ThrowAwaySpecs),
    ];

    public IEnumerable<ITestCollection> OrderTestCollections(IEnumerable<ITestCollection> collections) => collections.OrderBy(Rank);

    /// <summary>A class without a collection makes one, which is named after it.</summary>
    private static int Rank(ITestCollection collection)
    {
        var called = collection.DisplayName;
        var at = Array.FindIndex(Longest, name => called == name || called.EndsWith($".{name}", StringComparison.Ordinal));
        return at < 0 ? Longest.Length : at;
    }
}
