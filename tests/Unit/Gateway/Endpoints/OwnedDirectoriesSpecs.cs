using System.Diagnostics;
using System.Runtime.InteropServices;
using VmCacheCluster.Domain;
using VmCacheCluster.Gateway.Endpoints;
using VmCacheCluster.Tests.TestSupport;
using Xunit;

namespace VmCacheCluster.Tests.Unit.Gateway.Endpoints;

/// <summary>Which directories a daemon locks, and against whom.</summary>
public sealed class OwnedDirectoriesSpecs : IDisposable
{
    private const int Nobody = 65534;
    private const UnixFileMode All = (UnixFileMode)0x1FF, OwnerOnly = (UnixFileMode)0x1C0;

    private readonly DirectoryInfo _root = Directory.CreateTempSubdirectory("vmo-");
    private readonly Stack<IDisposable> _atEnd = new();

    public OwnedDirectoriesSpecs()
    {
        // Passed through by another user.
        File.SetUnixFileMode(_root.FullName, All);
        foreach (var name in new[] { "run", "client", "state" }) Directory.CreateDirectory(At(name));
    }

    public void Dispose()
    {
        while (_atEnd.TryPop(out var last)) last.Dispose();
        _root.Delete(recursive: true);
    }

    /// <summary>Somebody may have made them for more than this daemon: /run, or Kata's own.</summary>
    [Theory]
    [InlineData("state", 0x1ED)] // 0755
    [InlineData("client", 0x5F8)] // 2770
    [InlineData("client", 0x3FF)] // like /tmp
    public void Leaves_the_modes_of_directories_that_are_there(string name, int mode)
    {
        File.SetUnixFileMode(At(name), (UnixFileMode)mode);

        Take();

        Assert.Equal((UnixFileMode)mode, File.GetUnixFileMode(At(name)));
    }

    /// <summary>An older daemon locked the directory itself, and left its mode.</summary>
    [Fact]
    public async Task Finds_an_older_daemon_in_a_directory_that_others_may_open()
    {
        File.SetUnixFileMode(At("state"), (UnixFileMode)0x1ED);
        var pid = await LockAsync("flock", At("state"));

        var refused = Refused(() => Take());

        Assert.Contains($"state-dir {At("state")} belongs to a running vmcached (pid {pid})", refused, StringComparison.Ordinal);
    }

    [SkippableFact]
    public async Task Names_the_user_who_locked_it_while_he_could()
    {
        SkipUnlessRoot();
        File.SetUnixFileMode(At("state"), (UnixFileMode)0x1ED);
        var pid = await LockAsync("setpriv", $"--reuid={Nobody}", $"--regid={Nobody}", "--clear-groups", "flock", At("state"));

        var refused = Refused(() => Take());

        Assert.Contains($"state-dir {At("state")} (of user 0, mode 0755)", refused, StringComparison.Ordinal);
        Assert.Contains($"is locked by process {pid} of user {Nobody}", refused, StringComparison.Ordinal);
        Assert.Contains($"end that process, and keep others from it (chmod go-rw {At("state")})", refused, StringComparison.Ordinal);
    }

    [SkippableFact]
    public void Leaves_alone_what_it_may_not_write()
    {
        SkipUnlessRoot();
        foreach (var name in new[] { "run", "client" }) File.SetUnixFileMode(At(name), All);
        File.SetUnixFileMode(At("state"), OwnerOnly);

        As(Nobody, () => Take());

        Take("other", state: "state");
    }

    [SkippableFact]
    public void Says_what_to_do_about_what_it_may_write_and_not_open()
    {
        SkipUnlessRoot();
        foreach (var name in new[] { "run", "client" }) File.SetUnixFileMode(At(name), All);
        File.SetUnixFileMode(At("state"), (UnixFileMode)0x1DB);

        var refused = "";
        As(Nobody, () => refused = Refused(() => Take()));

        Assert.Contains($"state-dir {At("state")} (of user 0, mode 0733) cannot be opened", refused, StringComparison.Ordinal);
        Assert.Contains("chown", refused, StringComparison.Ordinal);
        Assert.Contains("name another state-dir", refused, StringComparison.Ordinal);
    }

    [Fact]
    public void Makes_the_state_directory_at_the_start_and_locks_it()
    {
        Take(state: "later/state");

        Assert.Equal(OwnerOnly, File.GetUnixFileMode(At("later/state")));
        Assert.Contains("state-dir", Refused(() => Take("other", state: "later/state")), StringComparison.Ordinal);
    }

    [Fact]
    public void Locks_a_state_directory_that_is_made_while_it_runs()
    {
        var (first, second) = (WithoutState("run"), WithoutState("other"));

        Directory.CreateDirectory(At("later/state"));

        Assert.Empty(first.Keep(_ => { }));
        Assert.Contains("later/state belongs to a running vmcached", Assert.Single(second.Keep(_ => { })), StringComparison.Ordinal);
        first.Dispose();
        Assert.Empty(second.Keep(_ => { }));
        Assert.Contains("state-dir", Refused(() => Take("third", state: "later/state")), StringComparison.Ordinal);
    }

    [Fact]
    public void Locks_anew_what_was_removed_and_made_again()
    {
        var owner = Take();
        Directory.Delete(At("state"));
        Assert.Empty(owner.Keep(_ => { }));
        Directory.CreateDirectory(At("state"));
        List<string> told = [];

        Assert.Empty(owner.Keep(told.Add));

        Assert.Contains("was removed and made again", Assert.Single(told), StringComparison.Ordinal);
        Assert.Contains("state-dir", Refused(() => Take("other", state: "state")), StringComparison.Ordinal);
    }

    private OwnedEndpoints WithoutState(string name)
    {
        File.WriteAllText(At("later"), "in the way");
        var taken = Take(name, state: "later/state");
        File.Delete(At("later"));
        return taken;
    }

    private OwnedEndpoints Take(string name = "run", string state = "state")
    {
        foreach (var own in new[] { name, name + "-client" }.Where(_ => name != "run")) Directory.CreateDirectory(At(own));
        var taken = OwnedEndpoints.Take(new NodeOptions
        {
            Endpoint = At(name + ".sock"),
            RunDirectory = At(name),
            ClientDirectory = At(name == "run" ? "client" : name + "-client"),
            TemplateDirectory = At("templates"),
            StateDirectory = At(state),
            Templates = new TemplateLimits(TimeSpan.FromDays(1), null),
            BootParallelism = 1,
            Memory = new MemoryLimits(0, null),
            Stop = new StopDeadlines(TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(1)),
            Pools = [],
        });
        _atEnd.Push(taken);
        return taken;
    }

    private string At(string name) => Path.Combine(_root.FullName, name);

    private static string Refused(Action action) => Assert.Throws<EndpointRefusedException>(action).Message;

    private static void SkipUnlessRoot() => Skip.IfNot(Environment.IsPrivilegedProcess, "only root can be another user");

    /// <returns>The pid of a process that has the directory locked.</returns>
    private async Task<int> LockAsync(string program, params string[] arguments)
    {
        var start = new ProcessStartInfo(program, [.. arguments, "sh", "-c", "echo locked; exec sleep 600"]) { RedirectStandardOutput = true };
        var process = Process.Start(start)!;
        _atEnd.Push(process);
        _atEnd.Push(new Ending(process));
        Assert.Equal("locked", await process.StandardOutput.ReadLineAsync().WaitAsync(Eventually.Patience));
        return process.Id;
    }

    /// <summary>Opens and makes files with another user's rights, on a thread that ends then.</summary>
    private static void As(int user, Action action)
    {
        Exception? failed = null;
        var thread = new Thread(() =>
        {
            SetFileUser(user);
            try
            {
                action();
            }
            catch (Exception e)
            {
                failed = e;
            }
        });
        thread.Start();
        thread.Join();
        if (failed is not null) throw new InvalidOperationException(failed.Message, failed);
    }

    [DllImport("libc", EntryPoint = "setfsuid")]
    private static extern int SetFileUser(int user);

    /// <summary>Also the program that it runs, which would hold the lock on.</summary>
    private sealed class Ending(Process process) : IDisposable
    {
        public void Dispose() => process.Kill(entireProcessTree: true);
    }
}
