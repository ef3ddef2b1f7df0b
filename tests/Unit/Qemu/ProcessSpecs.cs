using System.Runtime.InteropServices;
using VmCacheCluster.Hypervisor.Qemu.Processes;
using Xunit;

namespace VmCacheCluster.Tests.Unit.Qemu;

public sealed class ProcessSpecs
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    [Theory]
    [InlineData("42 (a (b) c) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 777 20", 777UL)]
    [InlineData("42 (zombie) Z 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 777 20", null)]
    [InlineData("42 (short) S 1 2", null)]
    [InlineData("", null)]
    public void Reads_the_start_time_of_a_live_process(string stat, ulong? expected) => Assert.Equal(expected, ProcFs.ParseStartTime(stat));

    [Theory]
    [InlineData("echo no memory >&2; exit 3", "exited with status 3", "no memory")]
    [InlineData("kill -9 $$", "was killed by signal 9 (SIGKILL)", "")]
    [InlineData("kill -PIPE $$; exit 0", "was killed by signal 13", "")]
    public async Task Tells_how_a_process_ended_and_what_it_said(string script, string how, string said)
    {
        var directory = Directory.CreateTempSubdirectory("proc");
        var log = Path.Combine(directory.FullName, "log");
        using var process = QemuProcess.Start(new ProgramStart("/bin/sh", ["-c", script], log));

        Assert.Equal(how, await process.Exited.WaitAsync(Patience));
        Assert.Equal(said, LogTail.Read(log));
        Assert.False(process.IsAlive);
        directory.Delete(recursive: true);
    }

    [Fact]
    public async Task Starts_a_session_of_its_own()
    {
        var directory = Directory.CreateTempSubdirectory("proc");
        var log = Path.Combine(directory.FullName, "log");
        using var process = QemuProcess.Start(new ProgramStart("/bin/cat", ["/proc/self/stat", "-"], log));

        Assert.Equal("exited with status 0", await process.Exited.WaitAsync(Patience));

        const int session = 3;
        var stat = File.ReadAllText(log);
        Assert.Equal(process.Identity.Pid.ToString(), stat[(stat.LastIndexOf(')') + 2)..].Split(' ')[session]);
        directory.Delete(recursive: true);
    }

    [Fact]
    public async Task Inherits_no_descriptor()
    {
        var directory = Directory.CreateTempSubdirectory("proc");
        var log = Path.Combine(directory.FullName, "log");
        var held = Duplicate(0);
        using var process = QemuProcess.Start(new ProgramStart("/bin/ls", ["/proc/self/fd"], log));

        await process.Exited.WaitAsync(Patience);

        // 3 is the directory that ls reads.
        Assert.True(held > 3, "the test holds a descriptor that would be inherited");
        Assert.Equal(["0", "1", "2", "3"], File.ReadAllLines(log));
        Assert.Equal(0, Close(held));
        directory.Delete(recursive: true);
    }

    [Theory]
    [InlineData(true, "THP_enabled:\t0")]
    [InlineData(false, "THP_enabled:\t1")]
    public async Task Gets_no_huge_pages_when_it_is_to_have_small_ones(bool smallPages, string status)
    {
        var directory = Directory.CreateTempSubdirectory("proc");
        var log = Path.Combine(directory.FullName, "log");
        using var process = QemuProcess.Start(new ProgramStart("/bin/grep", ["THP_enabled", "/proc/self/status"], log) { SmallPages = smallPages });

        Assert.Equal("exited with status 0", await process.Exited.WaitAsync(Patience));

        Assert.Equal([status], File.ReadAllLines(log));
        Assert.Contains("THP_enabled:\t1", File.ReadAllLines("/proc/self/status"));
        directory.Delete(recursive: true);
    }

    [Fact]
    public void Says_what_cannot_be_executed() =>
        Assert.Contains("/nowhere/qemu", Assert.ThrowsAny<IOException>(() => QemuProcess.Start(new ProgramStart("/nowhere/qemu", [], "/dev/null"))).Message, StringComparison.Ordinal);

    [Fact]
    public void Keeps_the_last_lines_of_a_log_without_control_characters()
    {
        Assert.Equal("b[31m\nc", LogTail.Last("a\r\n\nb\u001b[31m\nc\n", 2));
        Assert.Equal("whole", LogTail.Last("half a line\nwhole\n", 5, cut: true));
    }

    [DllImport("libc", EntryPoint = "dup")]
    private static extern int Duplicate(int descriptor);

    [DllImport("libc", EntryPoint = "close")]
    private static extern int Close(int descriptor);
}
