using VmCacheCluster.Domain;
using VmCacheCluster.Hypervisor.Qemu.Processes;
using VmCacheCluster.Hypervisor.Qemu.Users;
using VmCacheCluster.Tests.TestSupport;
using Xunit;

namespace VmCacheCluster.Tests.Unit.Qemu;

/// <summary>Programs that end at their deadline: what is left is told by their argument, which nothing else has.</summary>
public sealed class GuardSpecs : IAsyncLifetime
{
    private const string Log = "/dev/null";
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan Long = TimeSpan.FromHours(1);

    private readonly VmId _id = VmId.New();

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync()
    {
        foreach (var pid in Left()) await Processes.KillAsync(pid);
    }

    [Fact]
    public async Task Ends_its_program_at_the_deadline()
    {
        using var process = Start(TimeSpan.FromMilliseconds(300));

        Assert.Equal("exited with status 137", await process.Exited.WaitAsync(Patience));

        Assert.Empty(Left());
    }

    [Theory]
    [InlineData("exit 0", "exited with status 0")]
    [InlineData("exit 3", "exited with status 3")]
    [InlineData("kill -9 $$", "was killed by signal 9 (SIGKILL)")]
    [InlineData("kill -SEGV $$", "was killed by signal 11 (SIGSEGV)")]
    public async Task Tells_how_its_program_ended(string script, string how)
    {
        using var process = QemuProcess.StartGuarded(new ProgramStart("/bin/sh", ["-c", script], Log), Long);

        Assert.Equal(how, await process.Exited.WaitAsync(Patience));
    }

    [Fact]
    public async Task Takes_its_program_with_it_when_somebody_kills_it()
    {
        using var process = Start(Long);
        var program = await ProgramAsync(process);

        await Processes.KillAsync(process.Identity.Pid);

        await Eventually.Async(() => !Processes.IsAlive(program), "its program is dead too");
        Assert.Empty(Left());
    }

    /// <summary>At any moment of its start: before it has started its program, while it does, and after.</summary>
    [Fact]
    public async Task Leaves_nothing_when_it_is_ended_at_once()
    {
        for (var round = 0; round < 30; round++)
        {
            using var process = Start(Long);
            for (var spin = 0; spin < round; spin++) await Task.Yield();

            await process.EndAsync(TimeSpan.Zero, Patience, CancellationToken.None);

            // Its program, when that was just being started, is killed after it.
            await Eventually.Async(() => Left().Count == 0, "nothing is left");
        }
    }

    [Fact]
    public async Task Is_gone_when_its_program_has_been_ended()
    {
        using var guard = Start(Long);
        var program = await ProgramAsync(guard);
        using var process = guard.Guarded(_id)!;
        Assert.Equal(program, process.Identity.Pid);

        await process.EndAsync(TimeSpan.Zero, Patience, CancellationToken.None);

        Assert.Equal("was killed by signal 9 (SIGKILL)", await process.Exited.WaitAsync(Patience));
        Assert.Empty(Left());
    }

    [Fact]
    public async Task Hands_a_signal_on()
    {
        using var process = Start(Long);
        var program = await ProgramAsync(process);

        await process.EndAsync(Patience, Patience, CancellationToken.None);

        Assert.False(Processes.IsAlive(program));
        Assert.Empty(Left());
    }

    /// <summary>The kernel forgets what a program has asked for when it becomes another user.</summary>
    [SkippableFact]
    public async Task Takes_a_program_of_another_user_with_it_when_it_is_killed()
    {
        Skip.IfNot(Environment.IsPrivilegedProcess, "root alone starts programs as other users");
        using var users = new VmUsers(UserRange.Default, "/usr/bin/setpriv");
        var user = users.Take();
        using var guard = QemuProcess.StartGuarded(
            new ProgramStart("/usr/bin/tail", ["-f", "/dev/null", _id.Value], Log) { RunAs = users.Before(user, Accelerator.Tcg), Confinement = users.Confinement }, Long);
        var program = await ProgramAsync(guard);
        Assert.Equal(user, ProcFs.UserOf(program));

        Processes.Signal(guard.Identity.Pid, Processes.Sigkill);

        await Eventually.Async(() => Left().Count == 0, "nothing is left");
    }

    [Fact]
    public void Says_what_cannot_be_executed() => Assert.Equal(
        "cannot execute /nowhere/qemu: No such file or directory",
        Assert.ThrowsAny<IOException>(() => QemuProcess.StartGuarded(new ProgramStart("/nowhere/qemu", [], Log), Long)).Message);

    private QemuProcess Start(TimeSpan lifetime) => QemuProcess.StartGuarded(new ProgramStart("/usr/bin/tail", ["-f", "/dev/null", _id.Value], Log), lifetime);

    private IReadOnlyList<int> Left() => Processes.Naming(_id.Value);

    private async Task<int> ProgramAsync(QemuProcess guard)
    {
        var program = 0;
        await Eventually.Async(
            () => (program = Left().FirstOrDefault(pid => pid != guard.Identity.Pid && Processes.CommandLine(pid).StartsWith("/usr/bin/tail", StringComparison.Ordinal))) != 0,
            "its program runs");
        return program;
    }
}
