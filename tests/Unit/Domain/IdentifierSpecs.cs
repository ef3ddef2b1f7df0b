using VmCacheCluster.Domain;

namespace VmCacheCluster.Tests.Unit.Domain;

public class IdentifierSpecs
{
    [Theory]
    [InlineData("a", true)]
    [InlineData("9f3c-A_b.c", true)]
    [InlineData("a..b", true)] // no path without a slash
    [InlineData("", false)]
    [InlineData(".", false)]
    [InlineData("..", false)]
    [InlineData("-a", false)]
    [InlineData("_a", false)]
    [InlineData("../a", false)]
    [InlineData("a/b", false)]
    [InlineData("/a", false)]
    [InlineData("a\\b", false)]
    [InlineData("a b", false)]
    [InlineData("a\n", false)]
    [InlineData("a\0", false)]
    [InlineData("é", false)]
    public void Takes_a_sandbox_id_only_when_it_can_be_no_path(string text, bool valid)
    {
        Assert.Equal(valid, SandboxId.TryParse(text, out var id));
        if (valid) Assert.Equal(text, id.ToString());
    }

    [Fact]
    public void Takes_a_sandbox_id_of_at_most_128_characters()
    {
        Assert.True(SandboxId.TryParse(new string('a', 128), out _));
        Assert.False(SandboxId.TryParse(new string('a', 129), out _));
    }

    [Fact]
    public void Makes_tokens_that_differ_and_are_read_again()
    {
        var tokens = Enumerable.Range(0, 1000).Select(_ => LeaseToken.New()).ToHashSet();

        Assert.Equal(1000, tokens.Count);
        Assert.All(tokens, token => Assert.True(LeaseToken.TryParse(token.Value, out var read) && read == token));
    }

    [Theory]
    [InlineData("")]
    [InlineData("0123456789abcdef0123456789abcde")]
    [InlineData("0123456789abcdef0123456789abcdef0")]
    [InlineData("0123456789ABCDEF0123456789ABCDEF")]
    [InlineData("0123456789abcdef0123456789abcdeg")]
    public void Takes_nothing_for_a_token_that_is_none(string text) => Assert.False(LeaseToken.TryParse(text, out _));

    [Fact]
    public void Shows_no_token_in_a_log()
    {
        var token = LeaseToken.New();

        Assert.DoesNotContain(token.Value, $"{token}");
    }
}
