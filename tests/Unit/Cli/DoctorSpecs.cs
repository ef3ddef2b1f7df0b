using Grpc.Core;
using VmCacheCluster.Cli;
using VmCacheCluster.Cli.Doctor;
using VmCacheCluster.Client;
using VmCacheCluster.Contracts.V1;
using Xunit;

namespace VmCacheCluster.Tests.Unit.Cli;

public sealed class DoctorSpecs
{
    private const UnixFileMode Owner = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;

    private static readonly HostFacts Sound = new()
    {
        Endpoint = "/run/vmcache/cache.sock",
        Daemon = new NodeStatus { Pid = 17, Version = "0.1.0", VmUsers = "2100000000-2100065535" },
        Qemu = new QemuFacts("/usr/bin/qemu-system-x86_64", true, "QEMU emulator version 7.2.22 (Debian 1:7.2+dfsg-7)", ""),
        Kvm = new DeviceFacts("/dev/kvm", true, ""),
        VhostVsock = new DeviceFacts("/dev/vhost-vsock", false, ""),
        Memory = new MemoryFacts(8000, 4000, 0, 0, 2048),
        RunDirectory = new DirectoryFacts("/run/vmcache", Owner, true, "tmpfs"),
        Templates = new DirectoryFacts("/run/vmcache/templates", Owner, true, "tmpfs", 8000),
        SocketMode = UnixFileMode.UserRead | UnixFileMode.UserWrite,
        Guest = new GuestFacts(["/g"], "/g/vmlinuz", "/g/initramfs.img"),
    };

    [Fact]
    public void Finds_all_well_on_a_sound_host() => Assert.All(Checks.All(Sound), c => Assert.Equal(Verdict.Ok, c.Verdict));

    [Fact]
    public void Says_why_vms_are_not_kept_apart()
    {
        var check = Checks.VmUsers(new NodeStatus { VmUsersReason = "the host has no setpriv: install util-linux" });

        Assert.Equal(Verdict.Warn, check.Verdict);
        Assert.EndsWith("can reach each other's files: the host has no setpriv: install util-linux", check.Found, StringComparison.Ordinal);
    }

    [Fact]
    public void Says_what_to_do_about_every_finding_that_is_not_ok()
    {
        var sick = Sound with
        {
            Daemon = null,
            DaemonFault = new VmCacheException(StatusCode.Unavailable, Reasons.SocketPermission, "cannot connect"),
            Qemu = Sound.Qemu with { Found = false },
            Kvm = Sound.Kvm with { Exists = false },
            VhostVsock = new DeviceFacts("/dev/vhost-vsock", true, "permission denied"),
            Memory = Sound.Memory with { AvailableMiB = 100 },
            RunDirectory = Sound.RunDirectory with { Writable = false },
            Templates = Sound.Templates with { Writable = false },
            SocketMode = (UnixFileMode)0b110_110_110,
            Guest = new GuestFacts(["/g"], null, null),
        };

        var findings = Checks.All(sick).Where(c => c.Name != "hugepages").ToList();

        Assert.All(findings, c => Assert.NotEqual(Verdict.Ok, c.Verdict));
        Assert.All(findings, c => Assert.NotEqual("", c.Do));
        Assert.Equal(["daemon", "qemu", "memory", "run-dir", "templates"], findings.Where(c => c.Verdict == Verdict.Fail).Select(c => c.Name));
    }

    [Theory]
    [InlineData(Reasons.NoSocket, "warn")]
    [InlineData(Reasons.NotListening, "warn")]
    [InlineData(Reasons.SocketPermission, "fail")]
    [InlineData(Reasons.NotVmcached, "fail")]
    public void Takes_a_daemon_that_does_not_run_for_no_failure(string reason, string verdict)
    {
        var facts = Sound with { Daemon = null, DaemonFault = new VmCacheException(StatusCode.Unavailable, reason, "cannot connect") };

        Assert.Equal(verdict, Checks.Daemon(facts).Verdict.ToString().ToLowerInvariant());
    }

    [Theory]
    [InlineData("QEMU emulator version 7.2.22 (Debian 1:7.2+dfsg-7+deb12u18)", "Ok")]
    [InlineData("QEMU emulator version 10.0.0", "Ok")]
    [InlineData("QEMU emulator version 7.1.0", "Fail")]
    [InlineData("QEMU emulator version 6.2.0 (Debian 1:6.2+dfsg-2ubuntu6)", "Fail")]
    [InlineData("something else", "Warn")]
    public void Judges_qemu_by_its_version(string line, string verdict) =>
        Assert.Equal(verdict, Checks.Qemu(Sound.Qemu with { VersionLine = line }).Verdict.ToString());

    [Fact]
    public void Takes_the_presence_of_kvm_for_no_proof()
    {
        var check = Checks.Kvm(Sound.Kvm, daemon: null);

        Assert.Contains("no proof", check.Found);
        Assert.Contains("start vmcached", check.Do);
    }

    [Fact]
    public void Tells_the_daemons_verdict_on_kvm()
    {
        var daemon = new NodeStatus { Pools = { new PoolStatus { Name = "p", Accelerator = "tcg", AcceleratorReason = "the guest hung" } } };

        var check = Checks.Kvm(Sound.Kvm, daemon);

        Assert.Equal(Verdict.Warn, check.Verdict);
        Assert.Contains("pool p runs under tcg (the guest hung)", check.Found);
    }

    [Fact]
    public void Warns_of_a_pool_that_says_why_it_is_not_at_its_target()
    {
        var check = Checks.Pool(new PoolStatus { Name = "p", Target = 2, Reason = "no kernel" });

        Assert.Equal((Verdict.Warn, "0 of 2 warm: no kernel"), (check.Verdict, check.Found));
    }

    [Fact]
    public void Fails_a_run_directory_that_others_may_write() =>
        Assert.Equal(Verdict.Fail, Checks.RunDirectory(Sound.RunDirectory with { Mode = Owner | UnixFileMode.OtherWrite }).Verdict);

    [Theory]
    [InlineData("clone", "template abc of today, 100 MiB", "Ok")]
    [InlineData("boot", "refill = boot", "Ok")]
    [InlineData("boot", "its template is being made", "Ok")]
    [InlineData("boot", "it boots, for it cannot clone: no space", "Warn")]
    public void Warns_of_a_pool_that_cannot_clone(string refill, string reason, string verdict)
    {
        var check = Checks.Refill(new PoolStatus { Name = "p", Refill = refill, RefillReason = reason });

        Assert.Equal((verdict, $"by {refill}: {reason}"), (check.Verdict.ToString(), check.Found));
    }

    [Fact]
    public void Fails_a_template_directory_that_others_may_write() =>
        Assert.Equal(Verdict.Fail, TemplateChecks.Directory(Sound.Templates with { Mode = Owner | UnixFileMode.GroupWrite }).Verdict);

    [Fact]
    public void Warns_of_a_template_directory_with_little_space()
    {
        var check = TemplateChecks.Directory(Sound.Templates with { FreeMiB = 20 });

        Assert.Equal((Verdict.Warn, "/run/vmcache/templates is on tmpfs, 20 MiB free: that may not be enough for a template, and then VMs are booted"), (check.Verdict, check.Found));
    }

    [Fact]
    public void Looks_for_the_guest_where_vmcached_does() =>
        Assert.Equal(VmCacheCluster.Gateway.Configuration.HostFacts.GuestDirectories, HostReader.GuestDirectories());

    [Fact]
    public void Warns_of_a_run_directory_on_a_disk() =>
        Assert.Equal(Verdict.Warn, Checks.RunDirectory(Sound.RunDirectory with { FileSystem = "ext4" }).Verdict);

    [Fact]
    public void Reads_memory_from_meminfo() => Assert.Equal(
        new MemoryFacts(8, 4, 3, 2, 2048),
        HostFormats.Memory(["MemTotal:        8192 kB", "MemAvailable:    4096 kB", "HugePages_Total:       3", "HugePages_Free:    2", "Hugepagesize:       2048 kB", "", "odd"]));

    [Theory]
    [InlineData("/run/vmcache", "tmpfs")]
    [InlineData("/runner", "ext4")]
    [InlineData("/run", "tmpfs")]
    [InlineData("/run/with space/x", "xfs")]
    public void Finds_the_file_system_of_a_path(string path, string type) => Assert.Equal(type, HostFormats.FileSystem(
        [
            "1 0 8:1 / / rw,relatime - ext4 /dev/sda1 rw",
            "2 1 0:5 / /run rw shared:5 - tmpfs tmpfs rw",
            @"3 2 0:6 / /run/with\040space rw - xfs /dev/sdb rw",
            "garbage",
        ], path));

    [Fact]
    public async Task Reports_as_json_without_a_daemon()
    {
        var directory = Directory.CreateTempSubdirectory("vmd");

        var run = await CliRun.Of(
            "doctor", "-o", "json", "--endpoint", Path.Combine(directory.FullName, "s"), "--qemu", "/nonexistent/qemu",
            "--run-dir", directory.FullName);
        directory.Delete();

        Assert.Equal(ExitCode.Failed, run.Exit);
        Assert.False(run.Json.GetProperty("ok").GetBoolean());
        var checks = run.Json.GetProperty("checks").EnumerateArray().ToDictionary(c => c.GetProperty("name").GetString()!);
        Assert.Equal("warn", checks["daemon"].GetProperty("verdict").GetString());
        Assert.Equal("fail", checks["qemu"].GetProperty("verdict").GetString());
        Assert.Contains("/nonexistent/qemu", checks["qemu"].GetProperty("found").GetString());
        Assert.Contains("--qemu", checks["qemu"].GetProperty("do").GetString());
    }

    [Fact]
    public async Task Has_kvm_proved_anew_before_it_looks_when_told_to()
    {
        var asked = 0;
        await using var node = await FakeNode.StartAsync(new FakeNode.Answers { ProveKvm = () => { asked++; return ["default", "runner"]; } });

        var run = await CliRun.Of("doctor", "-o", "json", "--endpoint", node.Endpoint, "--retry-kvm");
        await CliRun.Of("doctor", "--endpoint", node.Endpoint);

        var first = run.Json.GetProperty("checks")[0];
        Assert.Equal(("retry-kvm", "ok"), (first.GetProperty("name").GetString(), first.GetProperty("verdict").GetString()));
        Assert.Contains("pool default, runner", first.GetProperty("found").GetString(), StringComparison.Ordinal);
        Assert.Equal(1, asked);
    }

    /// <summary>There is no daemon, or an older one.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Fails_when_nobody_proves_kvm_anew(bool older)
    {
        await using var node = await FakeNode.StartAsync(new FakeNode.Answers());

        var run = await CliRun.Of("doctor", "-o", "json", "--endpoint", older ? node.Endpoint : node.Endpoint + "-none", "--retry-kvm");

        Assert.Equal(ExitCode.Failed, run.Exit);
        Assert.Equal("fail", run.Json.GetProperty("checks")[0].GetProperty("verdict").GetString());
    }

    [Fact]
    public void Says_so_when_there_is_nothing_to_prove() => Assert.Contains("nothing to prove", KvmRetry.Told([]).Found, StringComparison.Ordinal);

    [Fact]
    public async Task Tells_why_a_qemu_does_not_run()
    {
        var facts = await HostReader.QemuAsync("/bin/false", "", CancellationToken.None);

        Assert.True(facts.Found);
        Assert.Contains("exit status 1", facts.Fault);
    }

    [Fact]
    public async Task Finds_qemu_in_the_search_path()
    {
        var facts = await HostReader.QemuAsync("echo", "/nonexistent:/bin", CancellationToken.None);

        Assert.Equal("/bin/echo", facts.Path);
        Assert.NotNull(facts.VersionLine);
    }

    [Fact]
    public async Task Looks_at_the_directories_that_the_daemon_has_and_not_at_the_usual_ones()
    {
        await using var node = await FakeNode.StartAsync(new FakeNode.Answers { GetStatus = () => new NodeStatus { RunDirectory = "/nowhere/run", TemplateDirectory = "/nowhere/else" } });

        var asked = await CliRun.Of("doctor", "--endpoint", node.Endpoint);
        var given = await CliRun.Of("doctor", "--endpoint", node.Endpoint, "--run-dir", "/given");

        Assert.Contains("/nowhere/run ", asked.Out);
        Assert.Contains("/nowhere/else ", asked.Out);
        Assert.DoesNotContain("/run/vmcache ", asked.Out);
        Assert.Contains("/given ", given.Out);
        Assert.Contains("/given/templates ", given.Out);
    }

    [Fact]
    public async Task Lists_all_pools_with_where_each_comes_from()
    {
        await using var node = await FakeNode.StartAsync(new FakeNode.Answers
        {
            GetPools = () => new GetPoolsResponse
            {
                HostPools = { new ConfiguredPool { Pool = "both", Target = 1 }, new ConfiguredPool { Pool = "default", Target = 2 } },
                Pools = { new AppliedPool { Pool = "both", Text = "vm-cache-number = \"3\"\n" }, new AppliedPool { Pool = "web", Text = "total = \"6\"\n", Share = 2 } },
            },
        });

        var lines = (await CliRun.Of("pool", "list", "--endpoint", node.Endpoint)).Out.Split('\n');

        Assert.Matches("^POOL +FROM +AGE +TARGET +SETTINGS", lines[0]);
        Assert.Matches("^default +vmcache.conf +- +2 here +-", lines[1]);
        Assert.Matches("^both +vmcache.conf, applied +.* 3 each +1", lines[2]);
        Assert.Matches("^web +applied +.* 6 together, 2 here +1", lines[3]);
    }
}
