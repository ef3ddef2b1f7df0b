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
    public void Shows_what_a_terminal_would_obey_in_foreign_text() =>
        Assert.Equal("a b \\u001b[31mc\\u0007", Table.OneLine($"a\r\n  b\t{Escape}[31mc\a"));

    [Fact]
    public void Lets_nothing_pass_to_the_terminal_but_its_own_colours()
    {
        using var terminal = new StringWriter();
        using var writer = new PrintableWriter(terminal);

        writer.Write($"{Escape}[31mred{Escape}[0m {Escape}[2J");
        writer.Write('\r');
        writer.WriteLine("\u202e😀");

        Assert.Equal($"{Escape}[31mred{Escape}[0m \\u001b[2J\\u000d\\u202e😀\n", terminal.ToString());
    }

    /// <summary>The encoder leaves DEL's neighbours and the marks of direction as they are; programs read them back as they were.</summary>
    [Fact]
    public void Is_json_that_programs_read_and_no_terminal_obeys()
    {
        using var terminal = new StringWriter();
        const string hostile = "\e]0;x\a\u202e\u009b\u007f\r\n\"\\u2066";

        new PrintableWriter(terminal).Write(Json.Text(new ErrorView(new ErrorBody("INTERNAL", "X", hostile, null, null)), Json.Views.ErrorView));

        Assert.DoesNotContain(terminal.ToString(), c => c != '\n' && VmCacheCluster.Domain.Printable.IsUnsafe(c));
        Assert.Equal(hostile, System.Text.Json.JsonDocument.Parse(terminal.ToString()).RootElement.GetProperty("error").GetProperty("message").GetString());
    }

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
