using VmCacheCluster.Cli.Output;
using Xunit;

namespace VmCacheCluster.Tests.Unit.Cli;

public sealed class OutputSpecs
{
    private static readonly string Escape = "\e";

    [Fact]
    public void Keeps_columns_aligned_when_cells_are_painted()
    {
        var style = Style.For(terminal: true, name => name == "TERM" ? "xterm" : null);
        var table = new Table("A", "B");
        table.Add(new Table.Cell("x", style.Good), "1");
        table.Add("long", "2");

        var plain = table.ToString().Replace($"{Escape}[32m", "").Replace($"{Escape}[0m", "");

        Assert.Equal("A      B\nx      1\nlong   2\n", plain);
        Assert.NotEqual(plain, table.ToString());
    }

    [Theory]
    [InlineData(false, null, "xterm", false)]
    [InlineData(true, "1", "xterm", false)]
    [InlineData(true, null, "dumb", false)]
    [InlineData(true, null, null, false)]
    [InlineData(true, "", "xterm", true)]
    [InlineData(true, null, "xterm", true)]
    public void Paints_only_on_a_terminal_without_NO_COLOR(bool terminal, string? noColor, string? term, bool painted)
    {
        var style = Style.For(terminal, name => name == "NO_COLOR" ? noColor : name == "TERM" ? term : null);

        Assert.Equal(painted, style.Bad("x") != "x");
    }

    [Fact]
    public void Takes_what_a_terminal_obeys_out_of_foreign_text() =>
        Assert.Equal("a b [31mc", Table.OneLine($"a\r\n  b\t{Escape}[31mc\a"));

    [Theory]
    [InlineData("500ms", 500)]
    [InlineData("30s", 30_000)]
    [InlineData("1.5m", 90_000)]
    [InlineData("2h", 7_200_000)]
    [InlineData("7", 7_000)]
    public void Reads_durations(string text, double milliseconds)
    {
        Assert.True(Durations.TryParse(text, out var duration));
        Assert.Equal(milliseconds, duration.TotalMilliseconds);
    }

    [Theory]
    [InlineData("")]
    [InlineData("s")]
    [InlineData("0s")]
    [InlineData("-1s")]
    [InlineData("1d")]
    [InlineData("1,5s")]
    [InlineData("NaN")]
    [InlineData("9999999h")]
    public void Refuses_what_is_no_duration(string text) => Assert.False(Durations.TryParse(text, out _));

    [Theory]
    [InlineData(-3, "0s")]
    [InlineData(59, "59s")]
    [InlineData(600, "10m")]
    [InlineData(10_800, "3h")]
    [InlineData(200_000, "2d")]
    public void Tells_ages_as_kubectl_does(int seconds, string age) => Assert.Equal(age, Durations.Age(TimeSpan.FromSeconds(seconds)));
}
