using VmCacheCluster.Cli;
using VmCacheCluster.Cli.Verbs;
using Xunit;

namespace VmCacheCluster.Tests.Unit.Cli;

public sealed class CommandLineSpecs
{
    [Theory]
    [InlineData("nosuch")]
    [InlineData("status", "--bogus")]
    [InlineData("status", "-o", "yaml")]
    [InlineData("status", "--endpoint", "")]
    [InlineData("exec", "vm-1")]
    [InlineData("exec", "vm-1", "--timeout", "soon", "--", "true")]
    [InlineData("exec", "vm-1", "--env", "novalue", "--", "true")]
    [InlineData("release")]
    [InlineData("release", "")]
    [InlineData("get-base-vm", "--timeout", "0s")]
    public async Task Exits_with_2_and_one_line_when_used_wrongly(params string[] args)
    {
        var run = await CliRun.Of(args);

        Assert.Equal(2, run.Exit);
        Assert.Equal("", run.Out);
        Assert.StartsWith("error: ", run.Error);
        Assert.Single(run.Error.TrimEnd('\n').Split('\n'));
    }

    [Fact]
    public async Task Tells_wrong_usage_as_json_when_json_was_asked_for()
    {
        var run = await CliRun.Of("status", "--bogus", "-o", "json");

        Assert.Equal(2, run.Exit);
        Assert.Equal("INVALID_ARGUMENT", run.ErrorJson.GetProperty("code").GetString());
        Assert.Equal("USAGE", run.ErrorJson.GetProperty("reason").GetString());
        Assert.Contains("--bogus", run.ErrorJson.GetProperty("message").GetString());
    }

    [Fact]
    public async Task Names_the_exit_statuses_in_its_help()
    {
        var run = await CliRun.Of("--help");

        Assert.Equal(0, run.Exit);
        Assert.Contains("3 vmcached not reachable", run.Out);
        Assert.Contains("get-base-vm", run.Out);
    }

    [Fact]
    public async Task Tells_its_version()
    {
        var run = await CliRun.Of("--version");

        Assert.Equal(0, run.Exit);
        Assert.Matches(@"^\d+\.\d+\.\d+", run.Out);
    }

    [Fact]
    public async Task Refuses_an_endpoint_longer_than_a_socket_path_can_be()
    {
        var run = await CliRun.Of("status", "--endpoint", "/" + new string('x', 107));

        Assert.Equal(2, run.Exit);
        Assert.Contains("108 bytes", run.Error);
    }

    [Fact]
    public void Makes_a_command_of_all_that_follows_the_dashes()
    {
        var start = ExecVerb.Start(["sh", "-c", "@x --help"], ["A=1", "B=x=y"], "/tmp", TimeSpan.FromMilliseconds(1500));

        Assert.Equal(["sh", "-c", "@x --help"], start.Args);
        Assert.Equal("1", start.Env["A"]);
        Assert.Equal("x=y", start.Env["B"]);
        Assert.Equal("/tmp", start.WorkingDirectory);
        Assert.Equal(1500u, start.TimeoutMilliseconds);
    }

    [Fact]
    public void Resolves_a_beginning_that_one_id_has() => Assert.Equal("vm-ab", VmLookup.Resolve("vm-a", ["vm-ab", "vm-bc"]));

    [Fact]
    public void Prefers_a_whole_id_to_longer_ones() => Assert.Equal("vm-a", VmLookup.Resolve("vm-a", ["vm-ab", "vm-a"]));

    [Fact]
    public void Refuses_a_beginning_that_several_ids_have()
    {
        var fault = Assert.Throws<CliException>(() => VmLookup.Resolve("vm-", ["vm-ab", "vm-bc"]));

        Assert.Equal(ExitCode.Usage, fault.ExitCode);
        Assert.Contains("vm-ab, vm-bc", fault.Message);
    }

    [Fact]
    public void Finds_nothing_when_no_id_begins_so() =>
        Assert.Equal(ExitCode.NotFound, Assert.Throws<CliException>(() => VmLookup.Resolve("x", ["vm-ab"])).ExitCode);
}
