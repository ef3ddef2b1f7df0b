using VmCacheCluster.Contracts.V1;
using VmCacheCluster.Tests.TestSupport;

namespace VmCacheCluster.Tests.EndToEnd.Support;

/// <summary>
/// Directories of a test's own and the daemons that it starts on them. At its end the daemon that still runs is drained and
/// stopped in good order, and nothing may be left but the VMs that are handed out; these are ended then.
/// </summary>
internal sealed class House : IAsyncDisposable
{
    /// <summary>Short, for the sake of the sockets' paths.</summary>
    private readonly DirectoryInfo _root = Directory.CreateTempSubdirectory("vme-");

    private readonly List<DaemonProcess> _daemons = [];
    private readonly Stack<Action> _atEnd = new();

    public House()
    {
        RunDirectory = At("run");
        Endpoint = At("c.sock");
        Initrd = Write("initrd", "an initrd");
    }

    /// <summary>How long a wait for one of its daemons may take.</summary>
    public TimeSpan Patience { get; init; } = Eventually.Patience;

    /// <summary>The network namespace that its daemons are in; null: the test's.</summary>
    public string? Namespace { get; init; }

    public string RunDirectory { get; }

    public string Endpoint { get; }

    public string Initrd { get; }

    public string At(string name) => Path.Combine(_root.FullName, name);

    /// <summary>To be done before the directories are removed; what came last is done first.</summary>
    public void AtEnd(Action action) => _atEnd.Push(action);

    /// <returns>The file's path.</returns>
    public string Write(string name, string text)
    {
        File.WriteAllText(At(name), text);
        return At(name);
    }

    /// <summary>A file that is executable.</summary>
    public string Script(string name, string text)
    {
        var path = Write(name, text);
        File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        return path;
    }

    /// <summary>The directives of a fake QEMU as a kernel file, each in a line.</summary>
    public string Kernel(string name, params string[] directives) => Write(name, string.Join('\n', directives) + "\n");

    /// <summary>Starts a daemon on these directories.</summary>
    /// <param name="settings">Lines inside of vmcache { }.</param>
    public DaemonProcess Start(string settings, params string[] flags) => StartAt(Endpoint, settings, flags);

    /// <summary>Starts a daemon that may have so many descriptors.</summary>
    public DaemonProcess StartWithFiles(int files, string settings) => StartUnder(["prlimit", $"--nofile={files}"], settings);

    /// <summary>Starts a daemon by another program.</summary>
    /// <param name="command">That program and its arguments; it becomes the daemon.</param>
    public DaemonProcess StartUnder(IReadOnlyList<string> command, string settings)
    {
        var config = Write($"{_daemons.Count}.conf", Configuration(settings));
        var daemon = DaemonProcess.StartProgram(command[0], Endpoint, Patience, [.. command.Skip(1), Dist.Daemon, .. Flags(config, Endpoint, [])]);
        _daemons.Add(daemon);
        return daemon;
    }

    public DaemonProcess StartAt(string endpoint, string settings, params string[] flags)
    {
        var config = Write($"{_daemons.Count}.conf", Configuration(settings));
        var all = Flags(config, endpoint, flags);
        var daemon = Namespace is null ? DaemonProcess.Start(endpoint, Patience, all) : DaemonProcess.StartIn(Namespace, endpoint, Patience, all);
        _daemons.Add(daemon);
        return daemon;
    }

    /// <summary>Starts a daemon on a host as <see cref="KvmStandIn"/> makes it.</summary>
    /// <param name="present">False: without /dev/kvm, until it appears.</param>
    public DaemonProcess StartWithKvm(string settings, bool present = true)
    {
        var config = Write($"{_daemons.Count}.conf", Configuration(settings));
        string[] all = [.. KvmStandIn.Before(At($"dev{_daemons.Count}"), present), Dist.Daemon, .. Flags(config, Endpoint, [])];
        var daemon = DaemonProcess.StartProgram(all[0], Endpoint, Patience, all[1..]);
        _daemons.Add(daemon);
        return daemon;
    }

    /// <summary>Fakes do on the host what a guest does, for which they need the tests' own user.</summary>
    private string Configuration(string settings) => $"vmcache {{\nstate-dir = \"{At("state")}\"\nvm-users = off\n{settings}\n}}\n";

    /// <summary>Starts a daemon that kills itself at a step, such as "after:Record:Reserved".</summary>
    public DaemonProcess StartDoomed(string settings, string step)
    {
        var config = Write($"{_daemons.Count}.conf", Configuration(settings));
        var daemon = DaemonProcess.StartProgram(CrashDaemon, Endpoint, Patience, step, config, Endpoint, RunDirectory);
        _daemons.Add(daemon);
        return daemon;
    }

    /// <summary>Built beside the tests, by the same configuration.</summary>
    private static string CrashDaemon => AppContext.BaseDirectory.Replace("/tests/EndToEnd/", "/tests/CrashDaemon/", StringComparison.Ordinal) + "crash-daemon";

    /// <summary>What a test gives replaces what every daemon of the house is given.</summary>
    private string[] Flags(string config, string endpoint, string[] own)
    {
        (string Flag, string Value)[] usual = [("--config", config), ("--endpoint", endpoint), ("--run-dir", RunDirectory)];
        return [.. usual.Where(u => !own.Contains(u.Flag)).SelectMany(u => new[] { u.Flag, u.Value }), .. own];
    }

    /// <summary>Settings with which every pool's VMs are fakes.</summary>
    public string Fakes(int number, params string[] directives) => $$"""
        grace-period = 60s
        boot-timeout = 30s
        boot-parallelism = 8
        backoff { initial = 200ms, max = 2s }
        pool-defaults {
          accelerator = tcg
          refill = boot
          memory = 64MiB
          vm-cache-number = {{number}}
          qemu = "{{Dist.FakeQemu}}"
          kernel = "{{Kernel("kernel", directives)}}"
          initrd = "{{Initrd}}"
        }
        """;

    /// <summary>Settings with which every pool's VMs are real, with the embedded guest.</summary>
    public static string RealVms(int number, int mebibytes = 128, string refill = "boot")
    {
        var guest = Path.GetDirectoryName(Dist.Guest);
        return $$"""
            vm-users = auto
            grace-period = 60s
            boot-timeout = 180s
            pool-defaults {
              accelerator = tcg
              refill = {{refill}}
              memory = {{mebibytes}}MiB
              vm-cache-number = {{number}}
              kernel = "{{guest}}/vmlinuz"
              initrd = "{{guest}}/initrd.img"
            }
            """;
    }

    /// <summary>Living processes of this house's VMs.</summary>
    public IReadOnlyList<int> VmProcesses() => Processes.Naming(RunDirectory + "/");

    /// <summary>The VMs that have a directory of ours or of the clients'; the links of sandboxes stand beside these.</summary>
    public IReadOnlySet<string> VmDirectories() => new[] { "vm", "client" }
        .Select(d => Path.Combine(RunDirectory, d)).Where(Directory.Exists)
        .SelectMany(Directory.EnumerateFileSystemEntries).Select(p => Path.GetFileName(p)!).Where(n => n != "sandbox").ToHashSet();

    /// <summary>Neither process nor directory of a VM is left but those of the given ones.</summary>
    public void AssertNoVmLeft(params IReadOnlyCollection<string> except)
    {
        var processes = VmProcesses().Select(pid => Processes.CommandLine(pid)).Where(c => c.Length > 0 && !except.Any(id => c.Contains(id, StringComparison.Ordinal)));
        Assert.Empty(processes);
        Assert.Empty(VmDirectories().Except(except));
    }

    /// <summary>As above, and no socket either.</summary>
    public void AssertNothingLeft(params IReadOnlyCollection<string> except)
    {
        AssertNoVmLeft(except);
        Assert.False(Path.Exists(Endpoint), $"the socket {Endpoint} is left");
    }

    public async ValueTask DisposeAsync()
    {
        try
        {
            foreach (var daemon in _daemons.Where(d => !d.HasExited)) await StopAsync(daemon);
        }
        finally
        {
            foreach (var daemon in _daemons) daemon.Dispose();
            await EndVmsAsync();
            while (_atEnd.TryPop(out var action)) action();
            _root.Delete(recursive: true);
        }
    }

    private async Task StopAsync(DaemonProcess daemon)
    {
        await daemon.ReadyAsync();
        await daemon.Client.DrainAsync(HandedOut.Timeout);
        var status = await daemon.UntilAsync(s => s.Pools.SelectMany(p => p.Vms).All(v => v.State == VmState.Leased), "only what is leased is left");
        var handedOut = status.Pools.SelectMany(p => p.Vms).Select(v => v.Id).Concat(status.Quarantined.Select(q => q.Id)).ToArray();
        var exit = await daemon.TerminateAsync();
        Assert.True(exit == 0, $"vmcached ended with status {exit} after SIGTERM\n{daemon.Log}");
        AssertNothingLeft(handedOut);
    }

    private async Task EndVmsAsync()
    {
        foreach (var pid in VmProcesses()) Processes.Signal(pid, Processes.Sigkill);
        await Eventually.Async(() => VmProcesses().Count == 0, $"the processes of {RunDirectory} are gone");
    }
}
