using VmCacheCluster.Domain;
using VmCacheCluster.Domain.Ports;
using VmCacheCluster.Hypervisor.Qemu;
using VmCacheCluster.Hypervisor.Qemu.Processes;
using VmCacheCluster.Tests.TestSupport;
using Xunit;

namespace VmCacheCluster.Tests.Unit.Qemu;

/// <summary>A daemon that was killed between the start of a program and its record: the next one finds it.</summary>
public sealed class InterruptedStartSpecs : IDisposable
{
    private static readonly CancellationToken None = CancellationToken.None;

    private readonly DirectoryInfo _root = Directory.CreateTempSubdirectory("part");
    private readonly QemuHypervisor _hypervisor;
    private readonly VmId _id = VmId.New();
    private readonly VmPaths _paths;

    public InterruptedStartSpecs()
    {
        var options = new QemuHypervisorOptions { RunDirectory = Path.Combine(_root.FullName, "run"), ClientDirectory = Path.Combine(_root.FullName, "client") };
        _hypervisor = new QemuHypervisor(options, new LinuxHostClock());
        _paths = QemuPaths.For(options.RunDirectory, options.ClientDirectory, _id);
        Directory.CreateDirectory(_paths.Directory);
    }

    public void Dispose()
    {
        foreach (var pid in Processes.Naming(_id.Value)) Processes.Signal(pid, Processes.Sigkill);
        _root.Delete(recursive: true);
    }

    /// <summary>A VM of Kata's shape is known by its pid file, another one by its name.</summary>
    [Theory]
    [InlineData("-pidfile", "DIRECTORY/pid")]
    [InlineData("-name", "vmcache-default:DIRECTORY,debug-threads=on")]
    public async Task Ends_a_qemu_that_is_not_on_record_yet(string option, string value)
    {
        string[] arguments = ["-e", "sleep 3600", "--", "-uuid", _id.Value, option, value.Replace("DIRECTORY", _paths.Directory, StringComparison.Ordinal)];
        using var process = QemuProcess.Start(new ProgramStart("/usr/bin/perl", arguments, "/dev/null"));
        await Eventually.Async(() => Processes.Naming(_id.Value).Count == 1, "it has its arguments");

        var found = Assert.Single(await _hypervisor.FindAsync(None));

        Assert.Equal((FoundRecord.Missing, FoundProcess.Alive), (found.Record, found.Process));
        await _hypervisor.ReapAsync(found, None);
        Assert.False(process.IsAlive);
        Assert.False(Path.Exists(_paths.Directory));
    }

    [SkippableTheory]
    [InlineData(2_100_000_007, true)]
    [InlineData(1_000_007, false)]
    public async Task Knows_a_qemu_of_a_vms_user_and_no_strangers_process(uint user, bool found)
    {
        Skip.IfNot(Environment.IsPrivilegedProcess, "root alone starts programs as other users");
        string[] arguments = ["-e", "sleep 3600", "--", "-uuid", _id.Value, "-name", $"vmcache-default:{_paths.Directory},debug-threads=on"];
        using var process = QemuProcess.Start(new ProgramStart("/usr/bin/perl", arguments, "/dev/null")
        {
            RunAs = ["/usr/bin/setpriv", "--reuid", $"{user}", "--regid", $"{user}", "--clear-groups"],
        });
        await Eventually.Async(() => Processes.Naming(_id.Value).Count == 1 && ProcFs.UserOf(process.Identity.Pid) == user, "it has its arguments");

        Assert.Equal(found ? FoundProcess.Alive : FoundProcess.Gone, Assert.Single(await _hypervisor.FindAsync(None)).Process);
    }

    [Theory]
    [InlineData(null)]
    [InlineData(3600)]
    public async Task Ends_a_companion_whose_pid_was_not_written(int? seconds)
    {
        using var companion = Companion.Start("virtiofsd", "/usr/bin/tail", ["-f", "/dev/null", _id.Value], _paths, lifetime: seconds is { } s ? TimeSpan.FromSeconds(s) : null);
        await Eventually.Async(() => Processes.Naming(_id.Value).Any(pid => Processes.CommandLine(pid).StartsWith("/usr/bin/tail", StringComparison.Ordinal)), "it runs");
        File.Delete(Path.Combine(_paths.Directory, "virtiofsd.pid"));

        await _hypervisor.ReapAsync(Assert.Single(await _hypervisor.FindAsync(None)), None);

        Assert.Empty(Processes.Naming(_id.Value));
        Assert.False(Path.Exists(_paths.Directory));
    }
}
