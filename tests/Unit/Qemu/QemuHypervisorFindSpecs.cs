using System.Text;
using VmCacheCluster.Domain;
using VmCacheCluster.Domain.Ports;
using VmCacheCluster.Hypervisor.Qemu;
using VmCacheCluster.Hypervisor.Qemu.Processes;
using VmCacheCluster.Hypervisor.Qemu.Records;
using VmCacheCluster.Tests.TestSupport;
using Xunit;

namespace VmCacheCluster.Tests.Unit.Qemu;

/// <summary>What is found in a run directory that others may have spoiled, and what is left alone.</summary>
public sealed class QemuHypervisorFindSpecs : IDisposable
{
    private static readonly CancellationToken None = CancellationToken.None;

    private readonly DirectoryInfo _root = Directory.CreateTempSubdirectory("find");
    private readonly QemuHypervisorOptions _options;
    private readonly QemuHypervisor _hypervisor;
    private readonly VmId _id = VmId.New();
    private readonly VmPaths _paths;

    public QemuHypervisorFindSpecs()
    {
        _options = new QemuHypervisorOptions
        {
            RunDirectory = Path.Combine(_root.FullName, "run"),
            ClientDirectory = Path.Combine(_root.FullName, "client"),
        };
        _hypervisor = new QemuHypervisor(_options, new LinuxHostClock());
        _paths = QemuPaths.For(_options.RunDirectory, _options.ClientDirectory, _id);
    }

    public void Dispose() => _root.Delete(recursive: true);

    [Fact]
    public async Task Finds_nothing_where_nothing_was() => Assert.Empty(await _hypervisor.FindAsync(None));

    [Fact]
    public async Task Removes_the_directories_of_a_vm_whose_process_is_gone()
    {
        Leave(deadPid: true);
        var found = Assert.Single(await _hypervisor.FindAsync(None));
        Assert.Equal((FoundProcess.Gone, null, VmOwnership.Warm), (found.Process, found.Problem, found.Mark!.Ownership));
        Assert.Equal((true, FoundRecord.Read, new VmSize(2, 384)), (found.Trusted, found.Record, found.Size));

        await _hypervisor.ReapAsync(found, None);

        Assert.False(Path.Exists(_paths.Directory));
        Assert.False(Path.Exists(_paths.ClientDirectory));
    }

    [Theory]
    [InlineData("{\"version\": 1", "damaged")]
    [InlineData("{\"version\": 99}", "version 99")]
    public async Task Leaves_a_vm_alone_whose_record_it_cannot_read(string record, string words)
    {
        Leave(deadPid: true);
        File.WriteAllText(Path.Combine(_paths.Directory, "vm.json"), record);
        var found = Assert.Single(await _hypervisor.FindAsync(None));
        Assert.Contains(words, found.Problem, StringComparison.Ordinal);

        await Assert.ThrowsAsync<VmFailedException>(() => _hypervisor.ReapAsync(found, None));

        Assert.True(Path.Exists(Path.Combine(_paths.Directory, "vm.json")));
    }

    [Fact]
    public async Task Leaves_a_symbolic_link_alone()
    {
        var target = _root.CreateSubdirectory("target");
        File.WriteAllText(Path.Combine(target.FullName, "precious"), "");
        Directory.CreateDirectory(Path.GetDirectoryName(_paths.Directory)!);
        Directory.CreateSymbolicLink(_paths.Directory, target.FullName);
        var found = Assert.Single(await _hypervisor.FindAsync(None));
        Assert.Contains("symbolic link", found.Problem, StringComparison.Ordinal);
        Assert.Equal((false, FoundRecord.Unreadable), (found.Trusted, found.Record));

        await Assert.ThrowsAsync<VmFailedException>(() => _hypervisor.ReapAsync(found, None));

        Assert.True(File.Exists(Path.Combine(target.FullName, "precious")));
    }

    [Fact]
    public async Task Tells_of_a_damaged_state_file()
    {
        Leave(deadPid: true);
        File.WriteAllText(Path.Combine(_paths.Directory, "state"), "garbage");

        var found = Assert.Single(await _hypervisor.FindAsync(None));

        Assert.Null(found.Mark);
        Assert.NotNull(found.Facts);
        Assert.Contains("no state record", found.Problem, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Never_takes_another_process_for_the_vm()
    {
        Leave(deadPid: false);

        var found = Assert.Single(await _hypervisor.FindAsync(None));

        Assert.Equal((FoundProcess.Reused, false), (found.Process, found.Alive));
    }

    [Fact]
    public async Task Finds_a_lease_and_tells_of_a_damaged_one()
    {
        Leave(deadPid: true);
        var lease = new LeaseRecord(LeaseToken.New(), "key", "digest", null, new Dictionary<string, string> { ["a"] = "ü" }, TimeSpan.FromMinutes(5));
        LeaseFile.Write(_paths, lease);
        var found = Assert.Single(await _hypervisor.FindAsync(None));
        Assert.Equal(lease with { Labels = found.Lease!.Labels }, found.Lease);
        Assert.Equal(lease.Labels, found.Lease.Labels);

        File.WriteAllText(Path.Combine(_paths.Directory, "lease.json"), "{\"version\": 1, \"token\": \"short\"}");

        found = Assert.Single(await _hypervisor.FindAsync(None));
        Assert.Null(found.Lease);
        Assert.NotNull(found.Mark);
        Assert.Contains("lease.json is damaged", found.Problem, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(long.MaxValue)]
    [InlineData(long.MinValue)]
    [InlineData(0)]
    public async Task Takes_a_ttl_that_cannot_be_for_the_fault_of_its_record(long ttl)
    {
        Leave(deadPid: true);
        File.WriteAllText(Path.Combine(_paths.Directory, "lease.json"),
            $$"""{"version": 1, "token": "{{LeaseToken.New().Value}}", "idempotencyKey": "", "requestDigest": "", "labels": {}, "ttlMilliseconds": {{ttl}}}""");

        var found = Assert.Single(await _hypervisor.FindAsync(None));

        Assert.Null(found.Lease);
        Assert.Contains("lease.json is damaged", found.Problem, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Tells_a_vm_whose_start_was_interrupted_from_one_whose_record_is_unreadable()
    {
        Leave(deadPid: true);
        File.Delete(Path.Combine(_paths.Directory, "vm.json"));
        var found = Assert.Single(await _hypervisor.FindAsync(None));
        Assert.Equal((FoundRecord.Missing, FoundProcess.Gone, true), (found.Record, found.Process, found.HasDirectory));

        await _hypervisor.ReapAsync(found, None);

        Assert.False(Path.Exists(_paths.Directory));
    }

    [Fact]
    public async Task Finds_a_process_that_has_lost_its_directory_and_ends_it_when_told_to()
    {
        using var process = await StandInAsync();

        var found = Assert.Single(await _hypervisor.FindAsync(None));

        Assert.Equal((_id, FoundProcess.Alive, FoundRecord.Missing, false), (found.Id, found.Process, found.Record, found.HasDirectory));
        Assert.Equal(process.Identity, found.Running);
        await Assert.ThrowsAsync<VmFailedException>(() => _hypervisor.EndQuarantinedAsync(found with { Running = new ProcessIdentity(process.Identity.Pid, 1) }, None));
        Assert.True(process.IsAlive);
        await _hypervisor.EndQuarantinedAsync(found, None);
        Assert.False(process.IsAlive);
    }

    [Fact]
    public async Task Takes_no_process_for_a_vm_that_merely_names_it()
    {
        using var process = QemuProcess.Start(new ProgramStart("/usr/bin/tail", ["-f", "/dev/null", _id.Value, Path.Combine(_paths.Directory, "pid")], "/dev/null"));
        await Eventually.Async(() => Processes.Naming(_id.Value).Count == 1, "it has its arguments");

        Assert.Empty(await _hypervisor.FindAsync(None));

        process.Kill();
        await process.Exited;
    }

    /// <summary>A lost or damaged record says nothing of the VM: it may be held.</summary>
    [Theory]
    [InlineData("vm.json", false)]
    [InlineData("vm.json", true)]
    [InlineData("pid", false)]
    public async Task Knows_the_process_of_a_vm_by_its_arguments_whatever_of_its_files_is_left(string file, bool damaged)
    {
        using var process = await StandInAsync();
        Leave(deadPid: true);
        File.WriteAllText(Path.Combine(_paths.Directory, "pid"), "garbage");
        if (damaged) File.WriteAllText(Path.Combine(_paths.Directory, file), "garbage");
        else File.Delete(Path.Combine(_paths.Directory, file));

        var found = Assert.Single(await _hypervisor.FindAsync(None));

        Assert.Equal((FoundProcess.Alive, process.Identity), (found.Process, found.Running));
        await _hypervisor.EndQuarantinedAsync(found, None);
        Assert.False(process.IsAlive);
        Assert.False(Path.Exists(_paths.Directory));
    }

    /// <summary>With the arguments of this VM's QEMU.</summary>
    private async Task<QemuProcess> StandInAsync()
    {
        var pidFile = Path.Combine(_paths.Directory, "pid");
        var process = QemuProcess.Start(new ProgramStart("/usr/bin/perl", ["-e", "sleep 1000", "--", "-uuid", _id.Value, "-pidfile", pidFile], "/dev/null"));
        // The kernel lets go of whoever starts a program just before that has its arguments.
        await Eventually.Async(() => Processes.Naming(pidFile).Count == 1, "it has its arguments");
        return process;
    }

    [Fact]
    public async Task Ignores_what_has_no_vm_id_for_a_name()
    {
        Directory.CreateDirectory(Path.Combine(_options.RunDirectory, "vm", "lost+found"));

        Assert.Empty(await _hypervisor.FindAsync(None));
    }

    [Fact]
    public async Task Preflight_names_the_file_that_is_missing_or_empty()
    {
        var empty = Path.Combine(_root.FullName, "empty");
        File.WriteAllText(empty, "");
        var good = Spec() with { Kernel = "/etc/passwd", Initrd = "/etc/passwd" };

        Assert.Null(await _hypervisor.PreflightAsync(good, None));
        Assert.Contains("/nowhere/qemu", await Said(good with { Qemu = "/nowhere/qemu" }), StringComparison.Ordinal);
        Assert.Contains("not executable", await Said(good with { Qemu = "/etc/passwd" }), StringComparison.Ordinal);
        Assert.Contains("/nowhere/vmlinuz", await Said(good with { Kernel = "/nowhere/vmlinuz" }), StringComparison.Ordinal);
        Assert.Contains("is empty", await Said(good with { Initrd = empty }), StringComparison.Ordinal);
        Assert.Contains("is a directory", await Said(good with { Initrd = "/etc" }), StringComparison.Ordinal);
        Assert.Contains("either", await Said(good with { Image = "/etc/passwd" }), StringComparison.Ordinal);
        Assert.Contains("5 vCPUs", await Said(good with { Cpus = 5, MaxCpus = 2 }), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Preflight_names_a_run_directory_that_cannot_be_made()
    {
        var hypervisor = new QemuHypervisor(_options with { RunDirectory = "/proc/vmcache" }, new LinuxHostClock());
        var spec = Spec() with { Kernel = "/etc/passwd", Initrd = "/etc/passwd" };

        Assert.Contains("/etc/passwd/run cannot be made", (await new QemuHypervisor(
            _options with { RunDirectory = "/etc/passwd/run" }, new LinuxHostClock()).PreflightAsync(spec, None))!.Message, StringComparison.Ordinal);

        // /proc says that it can be written to; the start finds out, and tells it just as well.
        var failed = await Assert.ThrowsAsync<VmFailedException>(() => hypervisor.CreateAsync(_id, spec, None));
        Assert.Contains("/proc/vmcache", failed.Failure.Message, StringComparison.Ordinal);
    }

    private async Task<string> Said(VmSpec spec) => (await _hypervisor.PreflightAsync(spec, None))!.Message;

    private static VmSpec Spec() => new() { Pool = PoolName.Default, Qemu = "/bin/true", Kernel = "/k", Initrd = "/i" };

    private void Leave(bool deadPid)
    {
        Directory.CreateDirectory(_paths.Directory);
        Directory.CreateDirectory(_paths.Share);
        var process = new ProcessIdentity(deadPid ? int.MaxValue : Environment.ProcessId, 1);
        File.WriteAllBytes(Path.Combine(_paths.Directory, "vm.json"), Encoding.UTF8.GetBytes(System.Text.Json.JsonSerializer.Serialize(
            VmRecord.From(new VmFacts(_id, Spec(), _paths, process, MadeBy.Boot), new VmSize(2, 384)), RecordJson.Default.VmRecord)));
        using var state = StateFile.Create(Path.Combine(_paths.Directory, "state"),
            new VmMark(VmOwnership.Warm, HandOutPath.None, Served.Unknown, new LinuxHostClock().Now));
    }
}
