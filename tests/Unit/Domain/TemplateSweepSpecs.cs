using VmCacheCluster.Domain;
using Xunit;

namespace VmCacheCluster.Tests.Unit.Domain;

public sealed class TemplateSweepSpecs
{
    private static readonly DateTimeOffset Now = new(2026, 5, 4, 12, 0, 0, TimeSpan.Zero);

    [Theory]
    [InlineData(24, null, "")]
    [InlineData(5, null, "a")]
    [InlineData(0, null, "ab")]
    [InlineData(24, 400L, "")]
    [InlineData(24, 399L, "a")]
    [InlineData(24, 299L, "ab")]
    [InlineData(24, 0L, "ab")]
    public void Removes_what_nobody_wants_by_age_and_by_size_the_longest_unused_first(int keepHours, long? most, string gone)
    {
        StoredTemplate[] stored = [Stored('b', 2), Stored('w', 30, wanted: true), Stored('a', 6), Stored('v', 1, wanted: true)];

        var removable = TemplateSweep.Removable(stored, new TemplateLimits(TimeSpan.FromHours(keepHours), most), Now);

        Assert.Equal(gone, string.Concat(removable.Select(d => d.Value[0])));
    }

    private static StoredTemplate Stored(char digit, int hours, bool wanted = false)
        => new(new TemplateDigest(new string(digit, 64)), Now - TimeSpan.FromHours(hours), 100, wanted);
}
