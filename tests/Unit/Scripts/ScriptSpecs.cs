using System.Diagnostics;
using VmCacheCluster.Tests.TestSupport;
using Xunit;

namespace VmCacheCluster.Tests.Unit.Scripts;

/// <summary>What the repository's scripts share, in small scripts of the tests' own.</summary>
public sealed class ScriptSpecs : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("scripts");

    public void Dispose() => _directory.Delete(recursive: true);

    [Theory]
    [InlineData("die 'no disk'", 1, "error: no disk")]
    [InlineData("inner() { die 'no disk'; }; value=$(inner); echo $value", 1, "error: no disk")]
    [InlineData("false", 1, "error: status 1 of: false")]
    [InlineData("inner() { sh -c 'exit 7'; }; inner; step never", 7, "error: status 7 of: sh -c 'exit 7'")]
    [InlineData("value=$(sh -c 'exit 4')", 4, "error: status 4 of: value=$(sh -c 'exit 4')")]
    [InlineData("quietly 'it could not be built' sh -c 'echo a.cs: error CS1; echo Time Elapsed; exit 3'", 1, "error: it could not be built: a.cs: error CS1")]
    [InlineData("quietly 'it could not be built' sh -c 'echo no disk; exit 3'", 1, "error: it could not be built: no disk")]
    [InlineData("quietly 'it could not be built' sh -c 'seq -f \"a.cs: error CS%05.0f\" 9000; exit 3'", 1, "error: it could not be built: a.cs: error CS00001")]
    [InlineData("kill -TERM $$; sleep 600", 143, "error: stopped by SIGTERM")]
    [InlineData("kill -INT $$; sleep 600", 130, "error: stopped by SIGINT")]
    public async Task Say_why_they_failed_in_their_last_line(string script, int status, string last)
    {
        var (exit, lines) = await RunAsync($"tidy() {{ echo tidying >&2; }}\n{script}");

        Assert.Equal((status, last), (exit, lines[^1]));
        Assert.Contains("tidying", lines);
    }

    [Theory]
    [InlineData("die 'no disk'", 1, "error: no disk")]
    [InlineData("sh -c 'exit 9'", 9, "error: status 9 of: sh -c 'exit 9'")]
    public async Task Say_in_their_last_line_why_a_script_failed_that_they_called(string inner, int status, string last)
    {
        var script = Path.Combine(_directory.FullName, "inner");
        File.WriteAllText(script, $"set -euo pipefail\nsource scripts/common.sh\n{inner}\n");

        var (exit, lines) = await RunAsync($"tidy() {{ echo tidying >&2; }}\ncall bash {script} >/dev/null");

        Assert.Equal((status, last), (exit, lines[^1]));
        Assert.Equal([last, "tidying", last], lines);
    }

    /// <summary>But for those that are copied to hosts alone, and those that are sourced.</summary>
    [Fact]
    public void End_alike()
    {
        var scripts = new[] { "", "benchmarks", "docs", "guest" }
            .SelectMany(d => Directory.EnumerateFiles(Path.Combine(Repository.Root, d), "*.sh")).ToList();

        Assert.NotEmpty(scripts);
        Assert.All(scripts, s => Assert.Contains("scripts/common.sh", File.ReadAllText(s), StringComparison.Ordinal));
    }

    [Fact]
    public async Task Fail_when_they_cannot_tidy_up()
    {
        var (exit, lines) = await RunAsync("tidy() { because 'it is still there'; return 1; }\nstep working");

        Assert.Equal((1, "error: it is still there"), (exit, lines[^1]));
    }

    [Theory]
    [InlineData("E: Could not get lock /var/lib/apt/lists/lock. It is held by process 7 (apt-get)")]
    [InlineData("E: Could not get lock /var/cache/apt/archives/lock. It is held by process 7 (unattended-upgr)")]
    [InlineData("E: Unable to acquire the dpkg frontend lock (/var/lib/dpkg/lock-frontend), is another process using it?")]
    public async Task Wait_for_another_apt(string refusal)
    {
        Apt($"[ \"$calls\" -gt 2 ] || {{ echo '{refusal}' >&2; exit 100; }}");

        var (exit, lines) = await RunAsync("apt_install some-package");

        Assert.True(exit == 0, string.Join('\n', lines));
        Assert.Contains(lines, l => l.Contains("waiting for another apt", StringComparison.Ordinal) && l.Contains(refusal[3..], StringComparison.Ordinal));
        Assert.Contains(Calls(), c => c.Contains("DPkg::Lock::Timeout=", StringComparison.Ordinal) && c.EndsWith(" install -y --no-install-recommends some-package", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Say_why_apt_could_not_install_something()
    {
        Apt("case \"$*\" in *install*) echo 'Reading lists'; echo 'E: Unable to locate package some-package' >&2; exit 100 ;; esac");

        var (exit, lines) = await RunAsync("apt_install some-package");

        Assert.Equal((1, "error: apt-get could not install some-package: Unable to locate package some-package"), (exit, lines[^1]));
        Assert.Equal(2, Calls().Length);
    }

    [Fact]
    public async Task Wait_for_another_apt_no_longer_than_they_are_told()
    {
        Apt("echo 'E: Could not get lock /var/lib/apt/lists/lock. It is held by process 7 (apt-get)' >&2; exit 100");

        var (exit, lines) = await RunAsync("VMCACHE_APT_PATIENCE=1\napt_install some-package");

        Assert.Equal(1, exit);
        Assert.Equal("error: apt-get could not install some-package: Could not get lock /var/lib/apt/lists/lock. It is held by process 7 (apt-get)", lines[^1]);
    }

    [Fact]
    public async Task End_and_name_the_processes_that_are_left_of_a_demonstration()
    {
        var run = Path.Combine(_directory.FullName, "run");

        var (exit, lines) = await RunAsync($"source scripts/processes.sh\ntidy() {{ assert_none_left {run}; }}\ntail -f /dev/null {run}/file 2>/dev/null &\necho $! >{run}.pid");

        var pid = int.Parse(File.ReadAllText($"{run}.pid"), System.Globalization.CultureInfo.InvariantCulture);
        Assert.Equal((1, $"error: processes were left at the end: {pid}"), (exit, lines[^1]));
        Assert.Contains(lines, l => l.Contains($"{pid} tail -f /dev/null {run}/file", StringComparison.Ordinal));
        Assert.False(Processes.IsAlive(pid));
    }

    [Fact]
    public async Task Are_content_when_no_process_is_left_of_a_demonstration()
    {
        var (exit, lines) = await RunAsync($"source scripts/processes.sh\ntidy() {{ assert_none_left {_directory.FullName}/run; }}");

        Assert.Equal(0, exit);
        Assert.Empty(lines);
    }

    /// <summary>In the place of apt-get.</summary>
    private void Apt(string script)
    {
        var calls = Path.Combine(_directory.FullName, "calls");
        foreach (var (name, text) in new[]
        {
            ("apt-get", $"echo \"$*\" >>{calls}\ncalls=$(wc -l <{calls})\n{script}"),
            ("sudo", "exec \"$@\""),
        })
        {
            var path = Path.Combine(_directory.FullName, name);
            File.WriteAllText(path, $"#!/bin/sh\n{text}\n");
            File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        }
    }

    private string[] Calls() => File.ReadAllLines(Path.Combine(_directory.FullName, "calls"));

    /// <returns>The exit status, and what it said on its standard error.</returns>
    private async Task<(int Exit, string[] Lines)> RunAsync(string script)
    {
        // Not on the command line, where the names in it would be found.
        var file = Path.Combine(_directory.FullName, "script");
        File.WriteAllText(file, "set -euo pipefail\nsource scripts/common.sh\n" + script);
        // A shell cannot trap what is ignored when it starts, as SIGINT is in the background of a script.
        var start = new ProcessStartInfo("env", ["--default-signal=INT", "bash", file])
        {
            WorkingDirectory = Repository.Root,
            RedirectStandardError = true,
        };
        start.Environment["PATH"] = $"{_directory.FullName}:{start.Environment["PATH"]}";
        start.Environment["TMPDIR"] = _directory.FullName;
        start.Environment.Remove("VMCACHE_NO_INSTALL");
        using var process = Process.Start(start)!;
        var said = await process.StandardError.ReadToEndAsync().WaitAsync(Patience);
        await process.WaitForExitAsync().WaitAsync(Patience);
        return (process.ExitCode, said.Split('\n', StringSplitOptions.RemoveEmptyEntries));
    }
}
