using VmCacheCluster.Cli;
using VmCacheCluster.Cli.Doctor;
using VmCacheCluster.Cli.Kata;
using VmCacheCluster.Contracts.V1;
using VmCacheCluster.Kata;
using VmCacheCluster.Kata.Configuration;
using Xunit;

namespace VmCacheCluster.Tests.Unit.Cli;

public sealed class KataDoctorSpecs : IDisposable
{
    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("vmkata");

    private string File => Path.Combine(_directory.FullName, "configuration.toml");

    private string Endpoint => Path.Combine(_directory.FullName, "cache.sock");

    public void Dispose() => _directory.Delete(true);

    [Fact]
    public async Task Says_how_to_start_a_server_where_none_listens()
    {
        var run = await RunAsync("[factory]\nvm_cache_number = 2", "--kata-version", "3.5");

        Assert.Equal(ExitCode.Failed, run.Exit);
        Assert.StartsWith("Kata 3.5 (run: the client of 3.5.0)\nok    reads the file", run.Out, StringComparison.Ordinal);
        Assert.Matches($"fail  is answered +cannot connect to {Endpoint}: there is no such socket; the client boots each VM then\n +-> vmcached --kata-config {File} --kata-version 3.5 --agent-transport virtio-serial\n", run.Out);
        Assert.Matches("ok    has the same configuration +what a server with this file would serve is equal to its own", run.Out);
    }

    [Fact]
    public async Task Says_in_what_a_version_differs_from_the_one_that_it_is_looked_at_as()
    {
        var run = await RunAsync("[factory]\nvm_cache_number = 2", "--kata-version", "3.19.0");

        Assert.Matches("warn  is this version +Kata 3.19 is looked at as 4.1, .* with Kubernetes this version compares the pod's name", run.Out);
    }

    [Theory]
    [InlineData("doctor")]
    [InlineData("check")]
    public async Task Refuses_an_empty_file_name(string verb)
    {
        var run = await CliRun.Of(["kata", verb, ""]);

        Assert.Equal(ExitCode.Usage, run.Exit);
        Assert.Contains("FILE is empty", run.Error, StringComparison.Ordinal);
        Assert.Contains($"(see 'vmcache kata {verb} --help')", run.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Says_that_no_cache_is_asked()
    {
        var run = await RunAsync("", "--kata-version", "4.1");

        Assert.Matches("fail  asks a cache +vm_cache_number is 0, so it asks none and boots each VM\n +-> set vm_cache_number", run.Out);
    }

    [Fact]
    public async Task Ends_with_a_file_that_the_client_refuses_and_says_why_for_each_version()
    {
        var run = await RunAsync("default_memory = -1");

        Assert.Equal(ExitCode.Failed, run.Exit);
        Assert.Equal(2, run.Out.Split('\n').Count(line => line.StartsWith("fail  reads the file", StringComparison.Ordinal)));
        Assert.DoesNotContain("is answered", run.Out, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Tells_the_same_as_json()
    {
        var run = await RunAsync("[factory]\nvm_cache_number = 2", "-o", "json");

        Assert.False(run.Json.GetProperty("ok").GetBoolean());
        var clients = run.Json.GetProperty("clients").EnumerateArray().ToList();
        Assert.Equal(["3.5", "4.1"], clients.Select(c => c.GetProperty("version").GetString()));
        Assert.All(clients, c => Assert.Equal("fail", c.GetProperty("steps")[2].GetProperty("verdict").GetString()));
    }

    [Theory]
    [InlineData(KataTarget.Kata35)]
    [InlineData(KataTarget.Kata41)]
    public void Says_that_a_stock_client_does_not_reach_its_agent_by_katas_fault(KataTarget target)
    {
        var steps = Foresee(target, null, Equal, new PoolStatus { Warm = 2, Target = 2 });

        var agent = steps.Single(s => s.Name == "reaches the agent");
        Assert.Equal(Verdict.Fail, agent.Verdict);
        Assert.Contains("Kata's fault", agent.Found, StringComparison.Ordinal);
        Assert.Contains("ContextID or AgentURL", agent.Do, StringComparison.Ordinal);
        Assert.Equal(target == KataTarget.Kata35, steps.Any(s => s is { Name: "under Kubernetes", Verdict: Verdict.Warn }));
        Assert.Contains(steps, s => s.Name == "is answered" && s.Found.Contains("2 of 2 VMs are warm", StringComparison.Ordinal));
    }

    [Fact]
    public void Sees_a_client_of_1_13_through_to_its_agent() =>
        Assert.All(Foresee(KataTarget.Kata113, KataFirstClient.Runtime, Equal, null), s => Assert.Equal(Verdict.Ok, s.Verdict));

    [Fact]
    public void Ends_where_the_configurations_differ()
    {
        var steps = Foresee(KataTarget.Kata113, KataFirstClient.Shim, [new KataDifference("ProxyType", "\"kataProxy\"", "\"kataBuiltInProxy\"")], null);

        var differs = steps[^1];
        Assert.Equal(Verdict.Fail, differs.Verdict);
        Assert.Contains("a file of its own", differs.Do, StringComparison.Ordinal);
        Assert.Equal("ProxyType: \"kataProxy\" would be served, \"kataBuiltInProxy\" is wanted; the client boots a VM of its own", differs.Found);
    }

    [Fact]
    public void Says_why_no_vm_is_warm()
    {
        var steps = Foresee(KataTarget.Kata41, null, Equal, new PoolStatus { Target = 2, Reason = "the kernel is missing" });

        Assert.Contains(steps, s => s is { Name: "gets a VM", Verdict: Verdict.Fail, Found: "none is warm: the kernel is missing" });
    }

    private static IReadOnlyList<KataDifference> Equal => [];

    private static IReadOnlyList<Check> Foresee(KataTarget target, KataFirstClient? first, IReadOnlyList<KataDifference> differences, PoolStatus? pool)
    {
        var client = new KataClient(KataGeneration.For(new KataVerdict("", target, first, null, [])), differences, []);
        var configuration = new KataConfiguration(
            new KataVmConfig { AgentConfig = new KataAgentConfig(), HypervisorConfig = new KataHypervisorConfig() }, new KataFactorySettings(2, "/run/cache.sock", true, ""), []);
        return KataForecast.Foresee("c.toml", client, configuration, new KataMaking(true, true, ""), new KataServer(null, null, pool));
    }

    private Task<CliRun> RunAsync(string more, params string[] arguments)
    {
        foreach (var name in new[] { "qemu", "kernel", "initrd" }) System.IO.File.WriteAllText(Path.Combine(_directory.FullName, name), "x");
        var factory = more.Contains("[factory]", StringComparison.Ordinal) ? $"\nvm_cache_endpoint = \"{Endpoint}\"" : "";
        System.IO.File.WriteAllText(File, $"""
            [hypervisor.qemu]
            path = "{_directory.FullName}/qemu"
            kernel = "{_directory.FullName}/kernel"
            initrd = "{_directory.FullName}/initrd"
            shared_fs = "none"
            {more}{factory}
            """);
        return CliRun.Of(["kata", "doctor", File, "--agent-transport", "virtio-serial", .. arguments]);
    }
}
