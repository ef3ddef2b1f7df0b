using VmCacheCluster.Actors.Gateway;
using VmCacheCluster.Cli;
using VmCacheCluster.Domain;
using VmCacheCluster.Tests.TestSupport;
using VmCacheCluster.Tests.Unit.Gateway.Services;
using Xunit;

namespace VmCacheCluster.Tests.Unit.Cli;

public sealed class AcquireSpecs
{
    private static readonly Dictionary<string, string> NoEnvironment = [];
    private static readonly Dictionary<string, string> WithToken = new() { ["VMCACHE_TOKEN"] = ServiceHost.Token };

    [Fact]
    public async Task Runs_a_command_and_exits_with_its_status_and_releases_the_vm()
    {
        var guest = new ScriptedGuest();
        guest.Print("2\n1\n");
        guest.Exit(7);
        await using var host = await StartAsync(guest);

        var run = await CliRun.RunAsync(
            NoEnvironment, "input", CancellationToken.None,
            "acquire", "--pool", "default", "--vcpus", "2", "--memory", "512", "--env", "A=1", "-l", "app=x", "--ttl", "1m", "--sandbox", "sb", "--warm", "never",
            "--hostname", "box", "--key", "k", "--endpoint", host.Endpoint, "--", "sh", "-c", "nproc; echo $A");

        Assert.True(run.Error.Length == 0, run.Error);
        Assert.Equal((7, "2\n1\n"), (run.Exit, run.Out));
        Assert.Equal(["sh", "-c", "nproc; echo $A"], guest.Command!.Args);
        var wish = host.Gateway.Only<AcquireBaseVm>().Wish!;
        Assert.Equal((2, 512, "sb", TimeSpan.FromMinutes(1)), (wish.MinCpus, wish.MinMemoryMiB, wish.Sandbox?.Value, wish.Ttl));
        Assert.Equal((WarmWish.Never, "box", "k", "1", "x"), (wish.Warm, wish.Binding.Hostname, wish.IdempotencyKey, wish.Binding.Environment["A"], wish.Labels["app"]));
        Assert.Equal(ServiceHost.Token, host.Gateway.Only<ReleaseVm>().Token?.Value);
    }

    [Fact]
    public async Task Releases_the_vm_after_ctrl_c()
    {
        var guest = new ScriptedGuest();
        await using var host = await StartAsync(guest);
        using var interrupt = new CancellationTokenSource();
        var run = CliRun.RunAsync(NoEnvironment, null, interrupt.Token, "acquire", "--endpoint", host.Endpoint, "--", "sleep", "9");
        await guest.StdinClosed.Task.WaitAsync(ServiceHost.Patience);

        await interrupt.CancelAsync();

        Assert.Equal(ExitCode.Interrupted, (await run).Exit);
        host.Gateway.Only<ReleaseVm>();
        await guest.Killed.Task.WaitAsync(ServiceHost.Patience);
    }

    [Fact]
    public async Task Prints_the_lease_and_confirms_it_when_there_is_no_command()
    {
        await using var host = await StartAsync(new ScriptedGuest());

        var run = await CliRun.Of("acquire", "-o", "json", "--endpoint", host.Endpoint);

        Assert.Equal((0, ""), (run.Exit, run.Error));
        Assert.Equal(
            (ServiceHost.Id.Value, ServiceHost.Token, 300.0),
            (run.Json.GetProperty("id").GetString(), run.Json.GetProperty("token").GetString(), run.Json.GetProperty("ttlSeconds").GetDouble()));
        Assert.Equal(ServiceHost.Noon.AddMinutes(5), run.Json.GetProperty("expiresAt").GetDateTimeOffset());
        host.Gateway.Only<RenewLease>();
        Assert.Empty(host.Gateway.Messages.OfType<ReleaseVm>());
    }

    [Fact]
    public async Task Puts_files_of_the_host_into_the_guest()
    {
        var path = Path.GetTempFileName();
        try
        {
            await File.WriteAllTextAsync(path, "hi");
            await using var host = await StartAsync(new ScriptedGuest());

            await CliRun.Of("acquire", "--endpoint", host.Endpoint, "--file", $"{path}:/a/b:755");

            var file = Assert.Single(host.Gateway.Only<AcquireBaseVm>().Wish!.Binding.Files);
            Assert.Equal(("/a/b", 0x1ED, "hi"), (file.Path, file.Mode, System.Text.Encoding.UTF8.GetString(file.Content.Span)));
        }
        finally
        {
            File.Delete(path);
        }
    }

    [Theory]
    [InlineData("--file", "nocolon", "HOST:GUEST[:MODE]")]
    [InlineData("--file", "/nowhere/x:/a", "cannot be read")]
    [InlineData("--file", "/etc/hostname:/a:9", "no octal number")]
    [InlineData("--env", "A", "NAME=VALUE")]
    [InlineData("--label", "=x", "NAME=VALUE")]
    [InlineData("--vcpus", "-1", "below 0")]
    public async Task Says_what_is_wrong_with_an_option(string option, string value, string why)
    {
        var run = await CliRun.Of("acquire", option, value, "--endpoint", "/nowhere");

        Assert.Equal(ExitCode.Usage, run.Exit);
        Assert.Contains(why, run.Error);
    }

    [Fact]
    public async Task Leaves_the_agent_to_the_holder_when_asked_and_then_takes_no_command()
    {
        await using var host = await StartAsync(new ScriptedGuest());

        var run = await CliRun.Of("acquire", "--client-holds-agent", "--endpoint", host.Endpoint, "--", "true");
        Assert.Equal((ExitCode.Usage, true), (run.Exit, host.Gateway.Messages.IsEmpty));
        Assert.Equal(0, (await CliRun.Of("acquire", "--client-holds-agent", "--endpoint", host.Endpoint)).Exit);

        Assert.True(host.Gateway.Only<AcquireBaseVm>().Wish!.ClientHoldsAgent);
    }

    [Fact]
    public async Task Renews_runs_and_releases_by_the_token_of_the_environment()
    {
        var guest = new ScriptedGuest();
        guest.Exit(5);
        await using var host = await StartAsync(guest);
        var id = ServiceHost.Id.Value;

        var renew = await CliRun.With(WithToken, "renew", id, "--ttl", "2m", "-o", "json", "--endpoint", host.Endpoint);
        var exec = await CliRun.With(WithToken, "exec", id, "--endpoint", host.Endpoint, "--", "x");
        var release = await CliRun.With(WithToken, "release", id, "--endpoint", host.Endpoint);

        Assert.Equal((0, 120.0), (renew.Exit, renew.Json.GetProperty("ttlSeconds").GetDouble()));
        Assert.Equal(new CliRun(5, "", ""), exec);
        Assert.Equal(new CliRun(0, $"released {id}\n", ""), release);
        Assert.Equal(ServiceHost.Token, host.Gateway.Only<ReleaseVm>().Token?.Value);
    }

    [Theory]
    [InlineData("renew")]
    [InlineData("exec")]
    public async Task Asks_for_the_token_that_is_missing(string verb)
    {
        await using var host = await StartAsync(new ScriptedGuest());
        string[] command = verb == "exec" ? ["--", "x"] : [];

        var run = await CliRun.Of([verb, ServiceHost.Id.Value, "--endpoint", host.Endpoint, .. command]);

        Assert.Equal(ExitCode.Usage, run.Exit);
        Assert.Contains("VMCACHE_TOKEN", run.Error);
    }

    [Fact]
    public async Task Says_what_to_do_about_a_stale_token()
    {
        await using var host = await StartAsync(new ScriptedGuest());
        var play = host.Gateway.OnMessage;
        host.Gateway.OnMessage = m => m is RenewLease ? new VmRefused(ServiceHost.Id, RefusalKind.StaleToken, "another lease holds it") : play(m);

        var run = await CliRun.With(WithToken, "renew", ServiceHost.Id.Value, "--endpoint", host.Endpoint);

        Assert.Equal(ExitCode.WrongState, run.Exit);
        Assert.Contains("another lease holds it; the lease may have ended", run.Error);
    }

    [Fact]
    public async Task Lists_watches_and_drains()
    {
        await using var host = await ServiceHost.StartAsync();
        var leased = ServiceHost.View(VmPhase.Leased) with { Lease = ServiceHost.Lease(null, ("app", "x")), ExpiresAt = ServiceHost.Noon };
        var pool = new VmCacheCluster.Actors.Gateway.PoolView(PoolName.Default, null, 1, 0, 0, 1, 0, "", Accelerator.Tcg, "", [leased], []);
        host.Gateway.OnMessage = m => m switch { GetNodeView => new NodeView([pool], false), DrainNode => new NodeDrained(3, 1), _ => null };
        using var interrupt = new CancellationTokenSource();
        var watch = CliRun.RunAsync(NoEnvironment, null, interrupt.Token, "watch", "--after", "6", "--epoch", "e", "-o", "json", "--endpoint", host.Endpoint);
        await Eventually.Async(() => host.Gateway.Messages.OfType<WatchEvents>().Any(), "it watches");
        var asked = host.Gateway.Only<WatchEvents>();
        asked.To.TryWrite(new NodeEvent("e", 7, ServiceHost.Noon, NodeEventKind.Changed, PoolName.Default, leased, "leased"));
        asked.To.Complete();
        await Eventually.Async(() => host.Gateway.Messages.OfType<WatchEvents>().Count() > 1, "it watches on");

        var list = await CliRun.Of("list", "-o", "wide", "--endpoint", host.Endpoint);
        var drain = await CliRun.Of("node", "drain", "-o", "json", "--endpoint", host.Endpoint);
        await interrupt.CancelAsync();
        var watched = await watch;

        Assert.Contains("app=x", list.Out);
        Assert.Equal("", drain.Error);
        Assert.Equal((3u, 1u), (drain.Json.GetProperty("warmGivenUp").GetUInt32(), drain.Json.GetProperty("leasedLeft").GetUInt32()));
        Assert.Equal(("e", 6UL), (asked.Epoch, asked.After));
        var seen = new CliRun(0, Assert.Single(watched.Out.Split('\n', StringSplitOptions.RemoveEmptyEntries)), "").Json;
        Assert.Equal(("changed", 7), (seen.GetProperty("kind").GetString(), seen.GetProperty("sequence").GetInt32()));
        Assert.Equal("x", seen.GetProperty("vm").GetProperty("labels").GetProperty("app").GetString());
    }

    [Fact]
    public async Task Wants_epoch_and_sequence_together()
    {
        var run = await CliRun.Of("watch", "--after", "6", "--endpoint", "/nowhere");

        Assert.Equal(ExitCode.Usage, run.Exit);
        Assert.Contains("--after and --epoch go together", run.Error);
    }

    private static async Task<ServiceHost> StartAsync(ScriptedGuest guest)
    {
        var host = await ServiceHost.StartAsync();
        host.PlayPool(guest);
        return host;
    }

    /// <summary>Nobody writes into the FIFO, and /dev/zero has no end: neither may keep the caller beyond its time limit.</summary>
    [Fact]
    public async Task Takes_no_file_that_may_never_end()
    {
        var directory = Directory.CreateTempSubdirectory("vmf");
        var fifo = Path.Combine(directory.FullName, "fifo");
        using (var mkfifo = System.Diagnostics.Process.Start("mkfifo", [fifo])) await mkfifo.WaitForExitAsync();

        foreach (var (args, reason) in new (string[], string)[]
        {
            (["acquire", "--file", $"{fifo}:/a"], $"--file '{fifo}' cannot be read: it is a FIFO"),
            (["acquire", "--file", "/dev/zero:/a"], "--file '/dev/zero' cannot be read: it is a device"),
            (["acquire", "--file", "/:/a"], "it is a directory"),
            (["pool", "apply", "-f", fifo], $"{fifo} cannot be read: it is a FIFO"),
            (["pool", "apply", "-f", "/dev/zero"], "it is a device"),
            (["kata", "check", fifo], "it is a FIFO"),
            (["status", "--endpoint", "https://127.0.0.1:1", "--tls-certificate", fifo, "--tls-key", fifo, "--tls-ca", fifo], "it is a FIFO"),
        })
        {
            var run = await Task.Run(() => CliRun.Of([.. args])).WaitAsync(TimeSpan.FromSeconds(60));

            Assert.NotEqual(ExitCode.Ok, run.Exit);
            Assert.Contains(reason, run.Error);
        }

        directory.Delete(recursive: true);
    }
}
