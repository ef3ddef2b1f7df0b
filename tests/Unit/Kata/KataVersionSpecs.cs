using VmCacheCluster.Kata;
using Xunit;

namespace VmCacheCluster.Tests.Unit.Kata;

public sealed class KataVersionSpecs
{
    [Theory]
    [InlineData("auto", KataTarget.Union)]
    [InlineData("3", KataTarget.Kata35)]
    [InlineData("3.5", KataTarget.Kata35)]
    [InlineData("3.5.0", KataTarget.Kata35)]
    [InlineData("v3.5.0", KataTarget.Kata35)]
    [InlineData("v3", KataTarget.Kata35)]
    [InlineData("3.32.0", KataTarget.Kata41)]
    [InlineData("4", KataTarget.Kata41)]
    [InlineData("4.1", KataTarget.Kata41)]
    [InlineData("v4.0.0", KataTarget.Kata41)]
    [InlineData("1", KataTarget.Kata113)]
    [InlineData("1.13.0", KataTarget.Kata113)]
    [InlineData("2.5", KataTarget.Kata25)]
    [InlineData("2.4", KataTarget.Kata25)]
    [InlineData("3.1", KataTarget.Kata25)]
    [InlineData("3.3.0", KataTarget.Kata35)]
    [InlineData("3.19.0", KataTarget.Kata41)]
    [InlineData("1.6", KataTarget.Kata113)]
    [InlineData("1.12.1", KataTarget.Kata113)]
    [InlineData("Auto", KataTarget.Union)]
    [InlineData("V3.5", KataTarget.Kata35)]
    [InlineData("3.5.0-rc1", KataTarget.Kata35)]
    [InlineData(" 3.5 ", KataTarget.Kata35)]
    public void Reads_a_version_as_users_write_it(string text, KataTarget target) => Assert.Equal(target, KataVersion.Parse(text));

    [Theory]
    [InlineData("")]
    [InlineData("3.")]
    [InlineData("2.3")]
    [InlineData("4.2")]
    [InlineData("5")]
    [InlineData("1.5")]
    [InlineData("1.14")]
    [InlineData("3.5.0.0")]
    [InlineData("3.5.0-")]
    [InlineData("99999999999")]
    public void Refuses_what_is_no_version_that_is_told_apart(string text) => Assert.Null(KataVersion.Parse(text));

    [Theory]
    [InlineData("3.19.0", "4050", "pod's name")]
    [InlineData("3.25", "as 4.1", "pod's name")]
    [InlineData("3.3", "as 3.5", "docs/kata.md")]
    [InlineData("1.8", "as 1.13", "docs/kata.md")]
    public void Says_in_what_a_version_differs_from_the_one_that_it_is_looked_at_as(string text, string one, string other)
    {
        var limit = KataVersion.Ask(text)!.Limit;

        Assert.Contains(one, limit, StringComparison.Ordinal);
        Assert.Contains(other, limit, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("1.13.0")]
    [InlineData("2.5.2")]
    [InlineData("3.5")]
    [InlineData("4.1")]
    [InlineData("auto")]
    public void Has_nothing_to_say_of_versions_that_are_told_apart(string text) => Assert.Equal("", KataVersion.Ask(text)!.Limit);
}
