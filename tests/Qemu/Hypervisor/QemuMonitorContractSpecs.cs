using System.Diagnostics;
using VmCacheCluster.Tests.Unit.Qmp;
using Xunit;

namespace VmCacheCluster.Tests.Qemu.Hypervisor;

/// <summary>The QMP client's contract against QEMU itself, with no guest in it.</summary>
[Trait("Category", "Qemu")]
public sealed class QemuMonitorContractSpecs : QmpClientContract
{
    protected override Task<IMonitor> StartAsync() => Task.FromResult<IMonitor>(new GuestlessQemu());

    private sealed class GuestlessQemu : IMonitor
    {
        private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("qmp");
        private readonly Process _process;

        public GuestlessQemu()
        {
            Path = System.IO.Path.Combine(_directory.FullName, "qmp.sock");
            // With -daemonize the parent ends when the monitor listens: nothing to wait for by guesswork.
            var pidFile = System.IO.Path.Combine(_directory.FullName, "pid");
            using var parent = Process.Start(new ProcessStartInfo("qemu-system-x86_64",
                ["-machine", "none", "-nodefaults", "-display", "none", "-S", "-daemonize", "-pidfile", pidFile,
                 "-qmp", $"unix:{Path},server=on,wait=off"]))!;
            parent.WaitForExit();
            Assert.Equal(0, parent.ExitCode);
            _process = Process.GetProcessById(int.Parse(File.ReadAllText(pidFile)));
        }

        public string Path { get; }

        public async ValueTask DisposeAsync()
        {
            _process.Kill();
            await _process.WaitForExitAsync();
            _process.Dispose();
            _directory.Delete(recursive: true);
        }
    }
}
