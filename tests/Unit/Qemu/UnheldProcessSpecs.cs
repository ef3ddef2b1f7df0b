using System.Globalization;
using System.Text.RegularExpressions;
using VmCacheCluster.Domain;
using VmCacheCluster.Domain.Ports;
using VmCacheCluster.Hypervisor.Qemu;
using VmCacheCluster.Hypervisor.Qemu.Processes;
using VmCacheCluster.Tests.TestSupport;
using Xunit;

namespace VmCacheCluster.Tests.Unit.Qemu;

/// <summary>A program was started, and the daemon cannot take hold of it: it is ended, for nobody else would.</summary>
public sealed class UnheldProcessSpecs : IDisposable
{
    private static readonly TimeSpan Long = TimeSpan.FromHours(1);

    private readonly VmId _id = VmId.New();
    private readonly DirectoryInfo _root = Directory.CreateTempSubdirectory("held");

    public UnheldProcessSpecs()
    {
        // What it takes is there before descriptors run out.
        using var process = QemuProcess.Start(new ProgramStart("/bin/true", [], "/dev/null"));
    }

    public void Dispose()
    {
        foreach (var pid in Processes.Naming(_id.Value)) Processes.Signal(pid, Processes.Sigkill);
        _root.Delete(recursive: true);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Starts_nothing_when_there_is_no_descriptor(bool guarded)
    {
        var fault = OwnDescriptors.Fault(() =>
        {
            OwnDescriptors.UseUp();
            Start(guarded);
        });

        Assert.IsType<IOException>(fault);
        Assert.Empty(Processes.Naming(_id.Value));
        Assert.True(HostFailures.IsShortage(fault), $"{fault}");
        Assert.Contains("LimitNOFILE", HostFailures.From("QEMU cannot be started", fault).Remedy, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Ends_it_when_it_cannot_be_watched(bool guarded)
    {
        var fault = OwnDescriptors.Fault(() =>
        {
            OwnDescriptors.CloseWatches();
            Start(guarded);
        });

        await AssertGoneAsync(fault);
        Assert.Equal(9, fault!.HResult);
    }

    [Fact]
    public void Ends_a_companion_that_cannot_be_recorded()
    {
        var paths = QemuPaths.For(_root.FullName, _root.FullName, _id);
        Directory.CreateDirectory(Path.Combine(paths.Directory, "virtiofsd.pid"));
        var program = Path.Combine(_root.FullName, "tail" + _id.Value[..8]);
        File.Copy("/usr/bin/tail", program);

        Assert.ThrowsAny<Exception>(() => Companion.Start("virtiofsd", program, ["-f", "/dev/null", _id.Value], paths));

        Assert.DoesNotContain(Directory.GetDirectories("/proc"), process => NameOf(process) == Path.GetFileName(program));
    }

    [Fact]
    public void Tells_a_program_that_cannot_run_from_a_host_that_lacks_something()
    {
        static IOException Fault(string program, string log) => Assert.ThrowsAny<IOException>(() => QemuProcess.Start(new ProgramStart(program, [], log)));

        Assert.Equal(VmFailureKind.Configuration, HostFailures.OfStart("", Fault("/nowhere/qemu", "/dev/null"), "x").Kind);
        Assert.Equal(VmFailureKind.Configuration, HostFailures.OfStart("", Fault(_root.FullName, "/dev/null"), "x").Kind);
        var full = HostFailures.OfStart("QEMU cannot be started", new IOException("cannot execute /usr/bin/qemu: No space left on device", 28), "x");
        Assert.Equal((VmFailureKind.Host, "free space on that file system"), (full.Kind, full.Remedy));
        Assert.Equal("raise sysctl y", HostFailures.OfStart("", new HostLimitException("", 28, "raise sysctl y"), "x").Remedy);
    }

    [Fact]
    public async Task Says_what_is_left_of_a_vm_also_when_its_start_failed_for_a_reason_that_nobody_thought_of()
    {
        var options = new QemuHypervisorOptions { RunDirectory = _root.FullName, ClientDirectory = _root.FullName + "/c", RemoveDeadline = TimeSpan.Zero };
        var clock = new BrokenClock(Path.Combine(_root.FullName, "c"));

        var failed = await Assert.ThrowsAsync<VmFailedException>(
            () => new QemuHypervisor(options, clock).CreateAsync(_id, new VmSpec { Pool = PoolName.Default, Qemu = "/q", Kernel = "/k", Initrd = "/i" }, CancellationToken.None));

        Assert.Equal(VmFailureKind.Internal, failed.Failure.Kind);
        Assert.Contains("no clock", failed.Failure.Message, StringComparison.Ordinal);
        Assert.Contains("are not removed within", failed.Left?.Message, StringComparison.Ordinal);
        await Eventually.Async(() => !Path.Exists(QemuPaths.For(options.RunDirectory, options.ClientDirectory, _id).Directory), "the removal goes on");
    }

    private static string NameOf(string process)
    {
        try
        {
            return File.ReadAllText(Path.Combine(process, "comm")).Trim();
        }
        catch (IOException)
        {
            return "";
        }
    }

    /// <summary>It fails when the VM's directories are there, and leaves so much in them that they are not removed at once.</summary>
    private sealed class BrokenClock(string clients) : IHostClock
    {
        public HostTime Now
        {
            get
            {
                var share = Assert.Single(Directory.GetDirectories(clients));
                for (var i = 0; i < 3000; i++) File.WriteAllText(Path.Combine(share, $"{i}"), "");
                throw new InvalidOperationException("no clock");
            }
        }
    }

    private void Start(bool guarded)
    {
        string[] arguments = ["-f", "/dev/null", _id.Value];
        using var process = guarded
            ? QemuProcess.StartGuarded(new ProgramStart("/usr/bin/tail", arguments, "/dev/null"), Long)
            : QemuProcess.Start(new ProgramStart("/usr/bin/tail", arguments, "/dev/null"));
    }

    private async Task AssertGoneAsync(Exception? fault)
    {
        Assert.IsType<IOException>(fault);
        // What a guard had started is killed with it, and may take a moment.
        await Eventually.Async(() => Processes.Naming(_id.Value).Count == 0, "nothing of it runs");
        var pid = int.Parse(Regex.Match(fault.Message, "[0-9]+").Value, CultureInfo.InvariantCulture);
        Assert.False(Directory.Exists($"/proc/{pid}"), $"{fault.Message}: it is a zombie");
    }
}
