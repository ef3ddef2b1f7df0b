using VmCacheCluster.Benchmarks.Compare;
using Xunit;

namespace VmCacheCluster.Tests.Unit.Benchmarks;

public sealed class TableSpecs
{
    [Theory]
    [InlineData("clone until loaded                 p50    58.300 ms   p90    60.100 ms   p99    70.000 ms   n 10", "clone until loaded", 58.3, "ms")]
    [InlineData("  prepare                          p50     6.100 ms   p90     6.200 ms   p99     7.000 ms   n 4", "prepare", 6.1, "ms")]
    [InlineData("GetBaseVM of a name that is all of 34 p50     0.149 ms   p90     0.2 ms   p99     0.3 ms   n 9", "GetBaseVM of a name that is all of 34", 0.149, "ms")]
    [InlineData("clone / bare, median of 10 pairs   1.05   (promised: at most 1.3)", "clone / bare", 1.05, "")]
    [InlineData("private memory of a primed clone   17.3 MiB   (promised: at most 36)", "private memory of a primed clone", 17.3, "MiB")]
    [InlineData("ten VMs anew   864 ms by clone, 15600 ms by boot: 18.1 x   (promised: at least 20)", "ten VMs anew", 864, "ms")]
    [InlineData("adopting 10 real VMs, median of 1 rounds   -35 ms   (promised: under 2000 ms)", "adopting 10 real VMs", -35, "ms")]
    [InlineData("20 primed clones   380 MiB together", "20 primed clones", 380, "MiB")]
    [InlineData("a daemon is killed, time 1: before it   p50 30 ms", "a daemon is killed, time 1: before it", 30, "ms")]
    [InlineData("load 50 %: a choice   12 us", "load 50 %: a choice", 12, "us")]
    [InlineData("CPU, 30 s at rest with 10 warm VMs   0.80 % of a core   (promised: under 1)", "CPU, 30 s at rest with 10 warm VMs", 0.8, "%")]
    [InlineData("GetBaseVM, 64 callers   26900 calls/s", "GetBaseVM, 64 callers", 26900, "calls/s")]
    [InlineData("1000 calls by 400 callers: 769 calls/s", null, 0, "")]
    [InlineData("", null, 0, "")]
    public void Reads_a_figure_from_a_line(string line, string? label, double value, string unit) =>
        Assert.Equal(label is null ? null : new FigureLine(label, value, unit), FigureLine.Read(line));

    [Fact]
    public void Puts_the_runs_of_two_commits_side_by_side()
    {
        string[] Runs(int from) => [.. Enumerable.Range(from, 7).Select(i => $"clone until loaded   p50 {i} ms\nsame   5.0 MB\n")];

        Assert.Equal(
            "| clone | clone until loaded | 10.0, 13.0, 16.0 ms | 20.0, 23.0, 26.0 ms | 1.77 | higher (p = 0.001) |\n"
            + "| clone | same | 5.0, 5.0, 5.0 MB | 5.0, 5.0, 5.0 MB | 1.00 | no difference seen (p = 1.000) |\n",
            Table.Of("clone", Runs(20), Runs(10)));
    }

    [Fact]
    public void Tells_of_figures_that_the_other_commit_does_not_have() =>
        Assert.Equal("| b | new | not told | 0.500, 0.500, 0.500 | | |\n| b | old | 1.0, 1.0, 1.0 | not told | | |\n", Table.Of("b", ["new   0.5\n"], ["old   1.0\n"]));

    [Fact]
    public void Takes_two_figures_of_one_name_in_one_run_for_two() =>
        Assert.Equal("| b | same | 1.0, 1.0, 1.0 s |\n| b | same (2) | 5.0, 5.0, 5.0 s |\n", Table.Of("b", ["same   1 s\nsame   5 s\n"], []));

    [Fact]
    public void Says_how_many_differ_by_chance() =>
        Assert.Equal(
            "\n1 figures were compared; without any difference, one in 20 is told to differ all the same.\n",
            Table.Foot(Table.Of("b", ["a   1 s\nnew   2 s"], ["a   1 s"])));

    [Fact]
    public void Tells_of_one_commit_alone() => Assert.Equal("| b | some figure | 1.0, 2.0, 3.0 s |\n", Table.Of("b", ["some figure   3 s", "some figure   1 s", "some figure   2 s"], []));
}
