using Google.Protobuf;
using Grpc.Core;
using VmCacheCluster.Client;
using VmCacheCluster.Contracts.V1;
using VmCacheCluster.Tests.EndToEnd.Support;
using VmCacheCluster.Tests.TestSupport;

namespace VmCacheCluster.Tests.EndToEnd;

/// <summary>vmcache.v1 over the built daemon's socket: by the client library and by the command line tool.</summary>
[Trait("Category", "Fake")]
public sealed class LeaseSpecs : HouseSpecs
{
    [Fact]
    public async Task Runs_a_command_and_leaves_no_vm_when_it_ended()
    {
        var daemon = House.Start(House.Fakes(1));
        await daemon.WarmAsync();

        var run = await CliRun.SucceedingAsync(House.Endpoint, "acquire", "--pool", "default", "--vcpus", "2", "--memory", "192", "--", "echo", "hello");
        var failed = await CliRun.Async(House.Endpoint, "acquire", "--", "false");

        Assert.Equal("hello\n", run.Out);
        Assert.Equal(1, failed.ExitCode);
        var status = await daemon.WarmAsync();
        Assert.Equal((0u, 1), (status.Pools[0].Leased, House.VmProcesses().Count));
    }

    [Fact]
    public async Task Is_its_bearers_from_acquire_to_release_when_driven_by_the_command_line_tool()
    {
        var daemon = House.Start(House.Fakes(1));
        await daemon.WarmAsync();

        var lease = (await CliRun.SucceedingAsync(
            House.Endpoint, "acquire", "--ttl", "5m", "--label", "job=7", "--sandbox", "box-1", "--vcpus", "2", "-o", "json")).Json;
        var (id, token) = (lease.GetProperty("id").GetString()!, lease.GetProperty("token").GetString()!);

        Assert.Equal(300, lease.GetProperty("ttlSeconds").GetDouble());
        Assert.Equal(2, lease.GetProperty("cpus").GetInt32());
        Assert.Equal("warm", lease.GetProperty("served").GetString());
        Assert.Equal(Environment.MachineName, lease.GetProperty("host").GetString());
        Assert.Equal(
            ["assign", "resume", "prepare", "plug-cpus", "online"],
            lease.GetProperty("timeline").EnumerateArray().Select(s => s.GetProperty("stage").GetString()!));
        foreach (var path in new[] { "qmp", "agent", "console", "share" }) Assert.True(Path.Exists(lease.GetProperty(path).GetString()), path);
        Assert.True(Path.Exists(Path.Combine(House.RunDirectory, "client/sandbox/box-1/qmp.sock")));

        var listed = (await CliRun.SucceedingAsync(House.Endpoint, "list", "-o", "json")).Json
            .GetProperty("vms").EnumerateArray().Single(v => v.GetProperty("id").GetString() == id);
        Assert.Equal(("leased", "box-1", "7"), (
            listed.GetProperty("state").GetString(), listed.GetProperty("sandboxId").GetString(),
            listed.GetProperty("labels").GetProperty("job").GetString()));
        Assert.Equal("in it\n", (await CliRun.SucceedingAsync(House.Endpoint, "exec", id, "--token", token, "--", "echo", "in", "it")).Out);
        var renewed = (await CliRun.SucceedingAsync(House.Endpoint, "renew", id, "--token", token, "--ttl", "10m", "-o", "json")).Json;
        Assert.True(renewed.GetProperty("expiresAt").GetDateTimeOffset() > lease.GetProperty("expiresAt").GetDateTimeOffset());

        Assert.Equal(6, (await CliRun.Async(House.Endpoint, "release", id, "--token", new string('0', 32))).ExitCode);
        Assert.True(Processes.IsAlive(lease.GetProperty("pid").GetInt64()));
        await CliRun.SucceedingAsync(House.Endpoint, "release", id, "--token", token);
        Assert.False(Processes.IsAlive(lease.GetProperty("pid").GetInt64()));
        Assert.False(Path.Exists(Path.Combine(House.RunDirectory, "client/sandbox/box-1")));
        Assert.Equal(4, (await CliRun.Async(House.Endpoint, "renew", id, "--token", token)).ExitCode);
    }

    [Fact]
    public async Task Refuses_whoever_shows_another_token_and_leaves_the_vm_alone()
    {
        var daemon = House.Start(House.Fakes(1));
        await daemon.ReadyAsync();
        await using var vm = await daemon.Client.AcquireAsync();
        await using var other = await daemon.Client.AcquireAsync();
        var program = new GuestProgram { Args = ["true"] };

        foreach (var token in new[] { other.Token, new string('f', 32) })
        {
            await RefusedAsync(StatusCode.FailedPrecondition, "STALE_TOKEN", () => daemon.Client.RenewAsync(vm.Id, token, null, HandedOut.Timeout));
            await RefusedAsync(StatusCode.FailedPrecondition, "STALE_TOKEN", () => daemon.Client.ReleaseAsync(vm.Id, HandedOut.Timeout, token: token));
            await RefusedAsync(StatusCode.FailedPrecondition, "STALE_TOKEN", () => daemon.Client.ExecAsync(vm.Id, token, program, null, Ignore, Ignore));
        }

        await RefusedAsync(StatusCode.FailedPrecondition, "STALE_TOKEN", () => daemon.Client.ReleaseAsync(vm.Id, HandedOut.Timeout));
        await RefusedAsync(StatusCode.InvalidArgument, "BAD_TOKEN", () => daemon.Client.RenewAsync(vm.Id, "mine", null, HandedOut.Timeout));
        Assert.Equal(VmState.Leased, (await daemon.Client.GetAsync(vm.Id, HandedOut.Timeout)).State);
        Assert.Equal("still here\n", (await vm.RunAsync(["echo", "still", "here"])).Stdout);
    }

    [Fact]
    public async Task Refuses_what_can_never_be_before_anything_is_done()
    {
        var daemon = House.Start($"{House.Fakes(1)}\nmax-lease-ttl = 1h\npool-defaults {{ max-cpus = 4\n max-memory = 512MiB }}");
        var before = (await daemon.WarmAsync()).Pools[0].Vms.Single();
        (string Reason, string Says, AcquireOptions Wish)[] wishes =
        [
            ("INVALID_WISH", "5 vCPUs are more than the 4", new() { MinCpus = 5 }),
            ("INVALID_WISH", "600 MiB of memory are more than the 512 MiB", new() { MinMemoryMiB = 600 }),
            ("INVALID_WISH", "a TTL of 7200 s is more than the 3600 s", new() { Ttl = TimeSpan.FromHours(2) }),
            ("INVALID_REQUEST", "sandbox_id", new() { SandboxId = "../../etc" }),
            ("INVALID_REQUEST", "sandbox_id", new() { SandboxId = ".." }),
            ("INVALID_REQUEST", "late_binding.files[1].path", new() { Files = [new() { Path = "/fine" }, new() { Path = "/a/../b" }] }),
            ("INVALID_REQUEST", "late_binding.files[0].content", new() { Files = [new() { Path = "/a", Content = ByteString.CopyFrom(new byte[(1 << 20) + 1]) }] }),
            ("INVALID_REQUEST", "at most 256 files", new() { Files = [.. Enumerable.Range(0, 257).Select(i => new GuestFile { Path = $"/f{i}" })] }),
            ("INVALID_REQUEST", "late_binding.hostname", new() { Hostname = "-no-" }),
        ];

        foreach (var (reason, says, wish) in wishes)
        {
            var fault = await RefusedAsync(StatusCode.InvalidArgument, reason, () => daemon.Client.AcquireAsync("default", wish));
            Assert.Contains(says, fault.Message, StringComparison.Ordinal);
        }

        await RefusedAsync(StatusCode.NotFound, "UNKNOWN_POOL", () => daemon.Client.AcquireAsync("no-such-pool"));
        var nobody = Guid.NewGuid().ToString();
        var token = new string('a', 32);
        await RefusedAsync(StatusCode.NotFound, "UNKNOWN_VM", () => daemon.Client.RenewAsync(nobody, token, null, HandedOut.Timeout));
        await RefusedAsync(StatusCode.NotFound, "UNKNOWN_VM", () => daemon.Client.ReleaseAsync(nobody, HandedOut.Timeout, token: token));
        await RefusedAsync(StatusCode.NotFound, "UNKNOWN_VM", () => daemon.Client.ExecAsync(nobody, token, new GuestProgram { Args = ["true"] }, null, Ignore, Ignore));
        var after = (await daemon.WarmAsync()).Pools[0].Vms.Single();
        Assert.Equal((before.Id, before.Pid, VmState.Warm), (after.Id, after.Pid, after.State));
        Assert.Equal("paused", await HandedOut.StatusOnMonitorAsync(after));
    }

    [Fact]
    public async Task Refuses_a_renewal_beyond_the_cap_and_lets_the_lease_be()
    {
        var daemon = House.Start($"{House.Fakes(1)}\nmax-lease-ttl = 1h");
        await daemon.ReadyAsync();
        await using var vm = await daemon.Client.AcquireAsync("", new AcquireOptions { AutomaticRenewal = false });

        await RefusedAsync(StatusCode.InvalidArgument, "INVALID_WISH", () => vm.RenewAsync(TimeSpan.FromHours(2)));

        await vm.RenewAsync();
        Assert.Equal(TimeSpan.FromMinutes(10), vm.Ttl);
    }

    [Fact]
    public async Task Gives_the_same_vm_when_the_same_key_asks_again_also_after_a_restart()
    {
        var settings = House.Fakes(2);
        var first = House.Start(settings);
        await first.WarmAsync();
        var wish = new AcquireOptions { IdempotencyKey = "job-7", AutomaticRenewal = false, Labels = new Dictionary<string, string> { ["a"] = "b" } };

        var vms = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => first.Client.AcquireAsync("default", wish)));
        await vms[0].RenewAsync();
        await first.KillAsync();
        var second = House.Start(settings);
        await second.ReadyAsync();
        var again = await second.Client.AcquireAsync("default", wish);

        Assert.Single(vms.Append(again).Select(v => (v.Id, v.Token, v.Vm.Pid)).Distinct());
        await RefusedAsync(StatusCode.InvalidArgument, "INVALID_WISH", () => second.Client.AcquireAsync("default", wish with { MinCpus = 2 }));
        await again.ReleaseAsync();
        await using var anew = await second.Client.AcquireAsync("default", wish);
        Assert.NotEqual(again.Id, anew.Id);
    }

    [Fact]
    public async Task Gives_many_callers_a_vm_each()
    {
        var daemon = House.Start(House.Fakes(4));
        await daemon.ReadyAsync();

        var vms = await Task.WhenAll(Enumerable.Range(0, 24).Select(_ => daemon.Client.AcquireAsync()));

        Assert.Equal((24, 24), (vms.Select(v => v.Id).Distinct().Count(), vms.Select(v => v.Token).Distinct().Count()));
        await Task.WhenAll(vms.Select(v => v.ReleaseAsync()));
        await daemon.PoolAsync(p => p is { Leased: 0, Warm: 4, Warming: 0, Vms.Count: 4 }, "the pool is as before");
    }

    [Fact]
    public async Task Is_gone_with_its_vm_when_nobody_renewed_it()
    {
        var daemon = House.Start(House.Fakes(1));
        await daemon.WarmAsync();
        var vm = await daemon.Client.AcquireAsync("", new AcquireOptions { Ttl = TimeSpan.FromSeconds(2), AutomaticRenewal = false });
        await vm.RenewAsync();

        await Eventually.Async(() => !Processes.IsAlive(vm.Vm.Pid), "the VM has ended");

        Assert.True(DateTimeOffset.UtcNow >= vm.ExpiresAt, "it ended before its lease");
        await daemon.PoolAsync(p => p is { Leased: 0, Warm: 1, Warming: 0, Vms.Count: 1 } && p.Events.Any(e => e.Vm == vm.Id), "it is told, and replaced");
        await RefusedAsync(StatusCode.NotFound, "UNKNOWN_VM", () => vm.RenewAsync());
    }

    [Fact]
    public async Task Lives_as_long_as_it_is_renewed_and_ends_in_time_after_a_restart()
    {
        var settings = House.Fakes(1);
        var first = House.Start(settings);
        await first.WarmAsync();
        var kept = await first.Client.AcquireAsync("", new AcquireOptions { Ttl = TimeSpan.FromSeconds(3) });
        var left = await first.Client.AcquireAsync("", new AcquireOptions { Ttl = TimeSpan.FromSeconds(3), AutomaticRenewal = false });
        await left.RenewAsync();

        await Eventually.Async(() => !Processes.IsAlive(left.Vm.Pid), "the one that nobody renews has ended");
        Assert.Equal("renewed\n", (await kept.RunAsync(["echo", "renewed"])).Stdout);

        var forgotten = await first.Client.AcquireAsync("", new AcquireOptions { Ttl = TimeSpan.FromSeconds(3), AutomaticRenewal = false });
        await forgotten.RenewAsync();
        await first.KillAsync();
        var second = House.Start(settings);
        await second.PoolAsync(p => p.Warm == 1 && p.Vms.All(v => v.Id != forgotten.Id), "what expired is gone");
        Assert.False(Processes.IsAlive(forgotten.Vm.Pid));
        Assert.True(DateTimeOffset.UtcNow >= forgotten.ExpiresAt, "it ended before its lease");
    }

    [Fact]
    public async Task Is_destroyed_after_the_grace_period_when_its_holder_never_acts()
    {
        var daemon = House.Start($"{House.Fakes(1)}\ngrace-period = 1s");
        await daemon.WarmAsync();

        var vm = await daemon.Client.AcquireAsync("", new AcquireOptions { AutomaticRenewal = false });

        await daemon.PoolAsync(
            p => p is { Leased: 0, Warm: 1, Warming: 0, Vms.Count: 1 } && p.Events.Any(e => e.Vm == vm.Id), "it is gone and replaced");
        Assert.False(Processes.IsAlive(vm.Vm.Pid));
    }

    [Theory]
    [InlineData("fail-on=agent.Prepare:no entropy for you", "no entropy for you")]
    [InlineData("exit-on=cont", "")]
    public async Task Gives_nobody_a_vm_that_could_not_be_prepared(string directive, string says)
    {
        var daemon = House.Start(House.Fakes(1, directive));
        await daemon.WarmAsync();

        var fault = await Assert.ThrowsAsync<VmCacheException>(() => daemon.Client.AcquireAsync("", new AcquireOptions { Timeout = TimeSpan.FromSeconds(20) }));

        Assert.Contains(says, fault.Message, StringComparison.Ordinal);
        await daemon.PoolAsync(p => p is { Leased: 0 } && p.Vms.All(v => v.State is not (VmState.Preparing or VmState.Reserved)), "nobody holds any");
    }

    [Fact]
    public async Task Is_told_of_by_a_watch_that_goes_on_after_a_restart_with_a_reset()
    {
        var settings = House.Fakes(1);
        var first = House.Start(settings);
        await first.WarmAsync();
        using var enough = new CancellationTokenSource(Eventually.Patience);
        var events = first.Client.WatchAsync(cancel: enough.Token).GetAsyncEnumerator(enough.Token);

        var reset = await NextAsync(events, _ => true);
        var snapshot = await NextAsync(events, _ => true);
        var vm = await first.Client.AcquireAsync("", new AcquireOptions { AutomaticRenewal = false, Labels = new Dictionary<string, string> { ["k"] = "v" } });
        await vm.RenewAsync();
        var leased = await NextAsync(events, e => e.Vm?.Id == vm.Id && e.Vm.State == VmState.Leased);
        await first.PoolAsync(p => p is { Warm: 1, Leased: 1, Warming: 0 }, "another is warm");
        await first.KillAsync();
        var second = House.Start(settings);
        await second.PoolAsync(p => p is { Warm: 1, Leased: 1 }, "all are there again");
        var anew = await NextAsync(events, e => e.Kind == WatchEventKind.Reset);
        var again = await NextAsync(events, e => e.Vm?.Id == vm.Id && e.Vm.State == VmState.Leased);
        await vm.ReleaseAsync();
        var gone = await NextAsync(events, e => e.Kind == WatchEventKind.Gone);

        Assert.Equal((WatchEventKind.Reset, WatchEventKind.Snapshot), (reset.Kind, snapshot.Kind));
        Assert.Equal((snapshot.Vm.Id, "v"), (vm.Id, leased.Vm.Labels["k"]));
        Assert.Equal(reset.Epoch, leased.Epoch);
        Assert.NotEqual(reset.Epoch, anew.Epoch);
        Assert.Equal("v", again.Vm.Labels["k"]);
        Assert.Equal(vm.Id, gone.Vm.Id);
        Assert.True(gone.Sequence > again.Sequence && gone.Epoch == anew.Epoch);

        // A watcher who comes back within an epoch misses nothing and hears nothing twice.
        await foreach (var missed in second.Client.WatchAsync(after: (gone.Epoch, gone.Sequence - 1), cancel: enough.Token))
        {
            Assert.Equal(gone, missed);
            break;
        }
    }

    private static async Task<WatchEvent> NextAsync(IAsyncEnumerator<WatchEvent> events, Func<WatchEvent, bool> wanted)
    {
        while (await events.MoveNextAsync())
            if (wanted(events.Current)) return events.Current;
        throw new InvalidOperationException("the watch ended");
    }

    private static async Task<VmCacheException> RefusedAsync(StatusCode code, string reason, Func<Task> call)
    {
        var fault = await Assert.ThrowsAsync<VmCacheException>(call);
        Assert.True(fault.Reason == reason, $"{fault.Reason}: {fault.Message}");
        Assert.Equal(code, fault.Code);
        return fault;
    }

    private static ValueTask Ignore(ReadOnlyMemory<byte> output) => ValueTask.CompletedTask;
}
