using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using VmCacheCluster.Domain;
using VmCacheCluster.Domain.Ports;
using VmCacheCluster.Hypervisor.Qemu;
using VmCacheCluster.Hypervisor.Qemu.Processes;
using VmCacheCluster.Hypervisor.Qemu.Users;
using VmCacheCluster.Qmp;
using VmCacheCluster.Tests.TestSupport;
using Xunit;

namespace VmCacheCluster.Tests.Qemu.Hypervisor;

/// <summary>
/// Each VM of a daemon that is root has a user of its own. Whoever takes over a QEMU, here a shell in its place, reaches neither the daemon's files nor
/// another VM.
/// </summary>
[Trait("Category", "Qemu")]
public sealed class UnprivilegedVmSpecs : IAsyncLifetime
{
    private readonly HypervisorHouse _house;
    private readonly VmUsers? _users;

    public UnprivilegedVmSpecs()
    {
        if (Environment.IsPrivilegedProcess) _users = new VmUsers(UserRange.Default, "/usr/bin/setpriv");
        _house = new HypervisorHouse(_users);
    }

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync()
    {
        await _house.DisposeAsync();
        _users?.Dispose();
    }

    [SkippableFact]
    public async Task Has_a_user_without_rights_of_its_own_and_no_network()
    {
        Skip.If(_users is null, "root alone runs VMs as other users");
        await using var first = await _house.BootAsync();
        await using var second = await _house.BootAsync();

        var users = new[] { first, second }.Select(vm => StatusOf(vm)["Uid"]).ToList();

        Assert.Equal(2, users.Distinct().Count());
        foreach (var vm in new[] { first, second })
        {
            var (status, user) = (StatusOf(vm), vm.Facts.User!.Value.ToString(CultureInfo.InvariantCulture));
            Assert.True(UserRange.Default.Contains(vm.Facts.User.Value));
            Assert.Equal([user, user, user, user], status["Uid"].Split('\t'));
            Assert.Equal([user, user, user, user], status["Gid"].Split('\t'));
            Assert.Equal("1", status["NoNewPrivs"]);
            foreach (var set in new[] { "CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb" }) Assert.Equal(0, Convert.ToInt64(status[set], 16));
            // A header of two lines, and the loopback.
            Assert.Equal(3, File.ReadAllLines($"/proc/{vm.Facts.Process.Pid}/net/dev").Length);
            Assert.NotEqual(new FileInfo("/proc/self/ns/net").LinkTarget, new FileInfo($"/proc/{vm.Facts.Process.Pid}/ns/net").LinkTarget);
            await vm.StopAsync(CancellationToken.None);
        }

        _house.AssertEmpty();
    }

    [SkippableFact]
    public async Task Is_of_no_use_to_whoever_takes_over_another_one()
    {
        Skip.If(_users is null, "root alone runs VMs as other users");
        await using var vm = await _house.BootAsync();
        using var served = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        served.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        served.Listen();
        var names = Directory.CreateTempSubdirectory("vmx");
        try
        {
            var attack = Attack(vm.Facts, ((IPEndPoint)served.LocalEndPoint!).Port, names.Name);

            var asRoot = await RunAsync(attack, runAs: [], confinement: null);
            var asQemu = await RunAsync(attack, _users.Before(_users.Take(), Accelerator.Kvm), _users.Confinement);

            // Each of these works, where nothing keeps it from working.
            Assert.Equal(Attempts, asRoot.Count);
            Assert.Empty(asQemu);
        }
        finally
        {
            names.Delete(recursive: true);
            foreach (var directory in new[] { "/tmp", "/dev/shm", "/var/tmp" }) File.Delete($"{directory}/{names.Name}-file");
        }

        // Nothing of it was noticed.
        await vm.CheckAgentAsync(CancellationToken.None);
        await vm.StopAsync(CancellationToken.None);
    }

    private const int Attempts = 17;

    /// <summary>Tells in a line each what it could do.</summary>
    private static string Attack(VmFacts facts, int port, string name) => $$"""
        pid={{facts.Process.Pid}}
        can() { what=$1; shift; "$@" >/dev/null 2>&1 && echo "$what"; }
        talk() { perl -MSocket -e 'socket(S, PF_UNIX, SOCK_STREAM, 0) && connect(S, pack_sockaddr_un($ARGV[0])) or exit 1' "$1"; }
        for file in vm.json state pid qemu.log; do can "reads $file" cat "{{facts.Paths.Directory}}/$file"; done
        for socket in "{{facts.Paths.Qmp}}" "{{facts.Paths.Agent}}" "{{facts.Paths.Console}}"; do can "connects to $socket" talk "$socket"; done
        can "opens the memory of another VM" sh -c "exec 9</proc/$pid/mem"
        can "lists its descriptors" ls "/proc/$pid/fd"
        can "enters its network" perl -e 'open(N, "<", "/proc/$ARGV[0]/ns/net") or exit 1; syscall(308, fileno(N), 0) == 0 or exit 1' "$pid"
        can "signals it" kill -0 "$pid"
        can "makes a socket" perl -e 'socket(S, 1, 1, 0) or exit 1'
        can "reaches the network" bash -c 'exec 9<>/dev/tcp/127.0.0.1/{{port}}'
        for directory in /tmp /dev/shm /var/tmp; do can "writes in $directory" sh -c ": >$directory/{{name}}-file"; done
        can "reads the host's secrets" cat /etc/shadow
        """;

    private async Task<IReadOnlyList<string>> RunAsync(string script, IReadOnlyList<string> runAs, Confinement? confinement)
    {
        var log = Path.Combine(_house.Root, "attack.log");
        using var process = QemuProcess.Start(new ProgramStart("/bin/sh", ["-c", script + "\nexit 0"], log) { RunAs = runAs, Confinement = confinement });
        Assert.Equal("exited with status 0", await process.Exited.WaitAsync(Eventually.Patience));
        return File.ReadAllLines(log);
    }

    private static Dictionary<string, string> StatusOf(IVm vm) => File.ReadAllLines($"/proc/{vm.Facts.Process.Pid}/status")
        .Select(line => line.Split(':', 2)).ToDictionary(parts => parts[0], parts => parts[1].Trim());

    /// <summary>The right to operate leads to QEMU's monitor, and no further than QEMU's own rights do.</summary>
    [SkippableFact]
    public async Task Writes_nothing_and_opens_no_secret_for_whoever_has_its_monitor()
    {
        Skip.If(_users is null, "root alone runs VMs as other users");
        await using var rootHouse = new HypervisorHouse(users: null);
        await using var asRoot = await rootHouse.BootAsync();
        await using var vm = await _house.BootAsync();
        var names = Directory.CreateTempSubdirectory("vmx");
        try
        {
            var secret = Path.Combine(names.FullName, "secret");
            await File.WriteAllTextAsync(secret, new string('x', 4096));
            File.SetUnixFileMode(secret, UnixFileMode.UserRead | UnixFileMode.UserWrite);
            File.SetUnixFileMode(names.FullName, (UnixFileMode)0b111_111_111);

            // Each of these works, where nothing keeps it from working.
            Assert.Equal(["pmemsave", "dump-guest-memory", "blockdev-add"], await AttackAsync(asRoot.Facts, names.FullName, secret));
            Assert.Equal(["dumped", "saved", "secret"], names.GetFiles().Select(f => f.Name).Order());
            foreach (var made in names.GetFiles().Where(f => f.Name != "secret")) made.Delete();

            Assert.Empty(await AttackAsync(vm.Facts, names.FullName, secret));
            Assert.Equal(["secret"], names.GetFiles().Select(f => f.Name));
        }
        finally
        {
            names.Delete(recursive: true);
        }

        await vm.CheckAgentAsync(CancellationToken.None);
        await vm.StopAsync(CancellationToken.None);
        await asRoot.StopAsync(CancellationToken.None);
    }

    /// <returns>The commands that QEMU carried out.</returns>
    private static async Task<IReadOnlyList<string>> AttackAsync(VmFacts facts, string directory, string secret)
    {
        List<string> done = [];
        await using var monitor = await QmpClient.ConnectUnixAsync(facts.Paths.Qmp);
        async Task TryAsync(string command, Action<Utf8JsonWriter> arguments)
        {
            try
            {
                await monitor.ExecuteAsync(command, arguments, CancellationToken.None, HypervisorHouse.Patience);
                done.Add(command);
            }
            catch (QmpCommandException)
            {
                // Refused: as it should be.
            }
        }

        await TryAsync("pmemsave", json =>
        {
            json.WriteNumber("val", 0);
            json.WriteNumber("size", 4096);
            json.WriteString("filename", Path.Combine(directory, "saved"));
        });
        await TryAsync("dump-guest-memory", json =>
        {
            json.WriteBoolean("paging", false);
            json.WriteString("protocol", $"file:{Path.Combine(directory, "dumped")}");
            json.WriteNumber("begin", 0);
            json.WriteNumber("length", 4096);
        });
        await TryAsync("blockdev-add", json =>
        {
            json.WriteString("driver", "file");
            json.WriteString("node-name", "secret");
            json.WriteBoolean("read-only", true);
            json.WriteString("filename", secret);
        });
        return done;
    }

    [SkippableFact]
    public async Task Keeps_its_user_when_it_is_taken_over()
    {
        Skip.If(_users is null, "root alone runs VMs as other users");
        await using var vm = await _house.BootAsync();
        var (id, user) = (vm.Facts.Id, vm.Facts.User);
        await vm.RecordAsync(new VmMark(VmOwnership.Warm, HandOutPath.None, Served.Unknown, new LinuxHostClock().Now), CancellationToken.None);
        await vm.DisposeAsync();
        using var laterUsers = new VmUsers(UserRange.Default, "/usr/bin/setpriv");
        var later = new QemuHypervisor(_house.Options with { Users = laterUsers }, new LinuxHostClock());

        var found = Assert.Single(await later.FindAsync(CancellationToken.None));
        await using var adopted = await later.AttachAsync(found, CancellationToken.None);

        Assert.Equal((id, user), (adopted.Facts.Id, adopted.Facts.User));
        await adopted.CheckAgentAsync(CancellationToken.None);
        await adopted.StopAsync(CancellationToken.None);
        _house.AssertEmpty();
    }

    [SkippableFact]
    public async Task Is_not_made_by_a_wrapper_that_runs_it_as_root()
    {
        Skip.If(_users is null, "root alone runs VMs as other users");
        var wrapper = Wrapper("exec /usr/bin/qemu-system-x86_64 \"$@\"");

        var refused = await Assert.ThrowsAsync<VmFailedException>(() => _house.BootAsync(HypervisorHouse.Spec() with { Qemu = wrapper }));

        Assert.Equal(VmFailureKind.Configuration, refused.Failure.Kind);
        Assert.Contains("runs QEMU as user 0 with all rights", refused.Failure.Message, StringComparison.Ordinal);
        Assert.Contains("exec $VMCACHE_RUN_AS", refused.Failure.Remedy, StringComparison.Ordinal);
        _house.AssertEmpty();
    }

    [SkippableFact]
    public async Task Is_made_by_a_wrapper_that_begins_its_command_as_it_is_told()
    {
        Skip.If(_users is null, "root alone runs VMs as other users");
        var wrapper = Wrapper("exec $VMCACHE_RUN_AS /usr/bin/qemu-system-x86_64 \"$@\"");

        await using var vm = await _house.BootAsync(HypervisorHouse.Spec() with { Qemu = wrapper });

        Assert.StartsWith($"{vm.Facts.User}\t", StatusOf(vm)["Uid"], StringComparison.Ordinal);
        await vm.StopAsync(CancellationToken.None);
    }

    /// <summary>Such as a log. What is thrown away is started by a guard.</summary>
    [SkippableFact]
    public async Task Is_made_by_a_wrapper_that_writes_files_also_where_it_is_thrown_away()
    {
        Skip.If(_users is null, "root alone runs VMs as other users");
        var wrapper = Wrapper($"echo here >>{_house.Root}/said || exit 9\nexec $VMCACHE_RUN_AS /usr/bin/qemu-system-x86_64 \"$@\"");
        uint? user = null;

        await _house.ThrowAways.BootAsync(
            HypervisorHouse.Spec() with { Qemu = wrapper }, HypervisorHouse.Patience, async (vm, cancel) =>
            {
                user = ProcFs.UserOf(vm.Facts.Process.Pid);
                await vm.WaitForAgentAsync(cancel);
            }, CancellationToken.None);

        Assert.True(UserRange.Default.Contains(user!.Value));
        Assert.Equal("here\n", File.ReadAllText($"{_house.Root}/said"));
    }

    private string Wrapper(string last)
    {
        var path = Path.Combine(_house.Root, "wrapper");
        File.WriteAllText(path, $"#!/bin/sh\n{last}\n");
        File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserExecute);
        return path;
    }
}
