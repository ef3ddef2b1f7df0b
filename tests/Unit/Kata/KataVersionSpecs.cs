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
    public void Reads_a_version_as_users_write_it(string text, KataTarget target) => Assert.Equal(target, KataVersion.Parse(text));

    [Theory]
    [InlineData("")]
    [InlineData("Auto")]
    [InlineData("3.")]
    [InlineData("3.4")]
    [InlineData("4.2")]
    [InlineData("5")]
    [InlineData("1.12")]
    [InlineData("3.5.0.0")]
    [InlineData("3.5.0-rc1")]
    [InlineData("V3.5")]
    [InlineData("3.5\n")]
    [InlineData("99999999999")]
    public void Refuses_what_is_no_version_that_is_told_apart(string text) => Assert.Null(KataVersion.Parse(text));
}
