using VmCacheCluster.Domain;
using Xunit;

namespace VmCacheCluster.Tests.Unit.Domain;

public class PrintableSpecs
{
    [Theory]
    [InlineData("plain text, Grüße, 日本, 😀", "plain text, Grüße, 日本, 😀")]
    [InlineData("\e]0;owned\a\e[2J", "\\u001b]0;owned\\u0007\\u001b[2J")]
    [InlineData("a\u009b31mb\u007f", "a\\u009b31mb\\u007f")]
    [InlineData("a\u202eb\u2066c\u200fd\u061ce\ufeff", "a\\u202eb\\u2066c\\u200fd\\u061ce\\ufeff")]
    [InlineData("a\u2028b\u2029c", "a\\u2028b\\u2029c")]
    [InlineData("  a\r\n\tb \n c\r", "a b c")]
    public void Writes_on_one_line_what_a_terminal_would_obey(string text, string expected)
    {
        Assert.Equal(expected, Printable.OneLine(text));
        Assert.Equal(expected, Printable.OneLine(expected));
    }

    /// <summary>Attributes cannot carry them.</summary>
    [Fact]
    public void Writes_half_a_pair_as_its_number() => Assert.Equal("😀\\udc00a\\ud800b\\ud800", Printable.OneLine("😀\udc00a\ud800b\ud800"));

    [Fact]
    public void Keeps_line_ends_and_tabs_of_a_whole_text() => Assert.Equal("a\n\tb\\u000d\n", Printable.Lines("a\n\tb\r\n"));

    [Fact]
    public void Is_how_a_failure_carries_the_words_of_others()
    {
        var failure = new VmFailure(VmFailureKind.Boot, "panic\n\e[2J", "a\u202eb");

        Assert.Equal("panic \\u001b[2J (a\\u202eb)", failure.ToString());
    }
}
