using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using VmCacheCluster.Domain;
using VmCacheCluster.Domain.Ports;
using VmCacheCluster.Hypervisor.Qemu;
using VmCacheCluster.Hypervisor.Qemu.Processes;
using VmCacheCluster.Hypervisor.Qemu.Records;
using VmCacheCluster.Tests.TestSupport;
using Xunit;

namespace VmCacheCluster.Tests.Unit.Qemu;

/// <summary>Records that earlier versions of the daemon wrote, read by this one; and records of later ones. See fixtures/README.md.</summary>
public sealed class RecordFixtureSpecs : IDisposable
{
    private const string RunDirectory = "/run/vmcache";
    private static readonly string Fixtures = Path.Combine(Repository.Root, "tests/Unit/Qemu/fixtures/records");
    private static readonly HostTime Boot = new(Guid.Parse("5f0c7a52-3a55-4c83-9f19-2f4f2d0c9a11"), TimeSpan.FromHours(7));
    private static readonly LeaseRecord Lease = new(
        LeaseToken.TryParse("00112233445566778899aabbccddeeff", out var token) ? token : default, "key-1", "digest-1",
        SandboxId.TryParse("box", out var sandbox) ? sandbox : null, new Dictionary<string, string> { ["app"] = "größe" }, TimeSpan.FromMinutes(30), true);

    /// <summary>What each case is, and is to be judged.</summary>
    private static readonly Dictionary<string, Case> Cases = new()
    {
        ["warm"] = new(VmOwnership.Warm, HandOutPath.None, Adoption.Adopt),
        ["reserved-kata"] = new(VmOwnership.Reserved, HandOutPath.Kata, Adoption.Adopt, Kata: true),
        ["leased-kata"] = new(VmOwnership.Confirmed, HandOutPath.Kata, Adoption.Adopt, Kata: true),
        ["preparing-v1"] = new(VmOwnership.Preparing, HandOutPath.V1, Adoption.Adopt),
        ["leased-v1"] = new(VmOwnership.Confirmed, HandOutPath.V1, Adoption.Adopt, Expires: TimeSpan.FromHours(8)),
        ["making"] = new(VmOwnership.Making, HandOutPath.None, Adoption.Reap, Recorded: false),
    };

    private readonly DirectoryInfo _root = Directory.CreateTempSubdirectory("records");
    private readonly List<QemuProcess> _processes = [];

    public static TheoryData<string, string> All
    {
        get
        {
            var all = new TheoryData<string, string>();
            foreach (var version in Directory.EnumerateDirectories(Fixtures))
                foreach (var name in Directory.EnumerateDirectories(version)) all.Add(Path.GetFileName(version), Path.GetFileName(name));
            return all;
        }
    }

    private string Run => Path.Combine(_root.FullName, "run");

    public void Dispose()
    {
        foreach (var process in _processes)
        {
            process.Kill();
            process.Exited.Wait(TimeSpan.FromSeconds(60));
            process.Dispose();
        }

        _root.Delete(recursive: true);
    }

    [Theory]
    [MemberData(nameof(All))]
    public async Task Reads_what_an_earlier_version_wrote_as_it_was_meant(string version, string name)
    {
        var (id, process) = await LoadAsync(version, name);
        var expected = Cases[name];

        var found = Find();

        var verdict = AdoptionRules.Classify(found, found.Facts?.Spec);
        Assert.True(expected.Verdict == verdict.What, $"{verdict}; {found.Problem}");
        Assert.Equal((id, FoundProcess.Alive, process.Identity), (found.Id, found.Process, found.Running));
        Assert.Equal(new VmMark(expected.Ownership, expected.Path, expected.Served, Boot,
            expected.Expires is { } end ? Boot with { SinceBoot = end } : null, expected.Recorded ? TimeSpan.FromSeconds(2.5) : TimeSpan.Zero), found.Mark);
        if (!expected.Recorded) return;
        Assert.Null(found.Problem);
        Assert.Equal((Spec(expected), MadeBy.Clone, new VmSize(3, 640)), (found.Facts!.Spec, found.Facts.MadeBy, found.Size));
        if (expected.Path == HandOutPath.V1) Assert.Equal(Lease with { Labels = found.HeldBy!.Labels }, found.HeldBy);
        Assert.Equal(expected.Path == HandOutPath.V1 ? "größe" : null, found.HeldBy?.Labels["app"]);
    }

    [Fact]
    public void Has_every_case_of_every_version()
    {
        if (Environment.GetEnvironmentVariable("VMCACHE_WRITE_RECORDS") is { Length: > 0 } version) Write(version);
        Assert.NotEmpty(Directory.EnumerateDirectories(Fixtures));
        Assert.All(Directory.EnumerateDirectories(Fixtures), v => Assert.Equal(Cases.Keys.Order(), Directory.EnumerateDirectories(v).Select(Path.GetFileName).Order()));
    }

    /// <summary>As an older daemon meets what a newer one wrote.</summary>
    [Theory]
    [InlineData("vm.json", "\"version\": 1", "\"version\": 2", "of version 2")]
    [InlineData("vm.json", "\"madeBy\": \"Clone\"", "\"madeBy\": \"Revived\"", "damaged")]
    [InlineData("lease.json", "\"version\": 1", "\"version\": 2", "of version 2")]
    [InlineData("state", "vmcache-state 2", "vmcache-state 3", "of version 3")]
    [InlineData("state", "confirmed", "inherited", "a word that this daemon does not know")]
    public async Task Quarantines_what_a_later_version_wrote(string file, string now, string then, string problem)
    {
        var (id, _) = await LoadAsync(Path.GetFileName(Directory.EnumerateDirectories(Fixtures).Order().Last()), "leased-v1");
        var path = Path.Combine(QemuPaths.VmRoot(Run), id.Value, file);
        var text = File.ReadAllText(path);
        Assert.Contains(now, text, StringComparison.Ordinal);
        text = text.Replace(now, then, StringComparison.Ordinal);
        File.WriteAllText(path, file == "state" ? Checked(text) : text);

        var found = Find();

        var verdict = AdoptionRules.Classify(found, found.Facts?.Spec);
        Assert.Equal(Adoption.Quarantine, verdict.What);
        Assert.Contains(problem, verdict.Reason, StringComparison.Ordinal);
        Assert.NotNull(found.Running);
    }

    /// <summary>What is only added, an older daemon reads over.</summary>
    [Theory]
    [InlineData("vm.json")]
    [InlineData("lease.json")]
    public async Task Adopts_what_a_later_version_wrote_with_more_in_it(string file)
    {
        var (id, _) = await LoadAsync(Path.GetFileName(Directory.EnumerateDirectories(Fixtures).Order().Last()), "leased-v1");
        var path = Path.Combine(QemuPaths.VmRoot(Run), id.Value, file);
        File.WriteAllText(path, File.ReadAllText(path).Replace("\"version\": 1,", "\"version\": 1, \"later\": {\"a\": [1, null]},", StringComparison.Ordinal));

        var found = Find();

        Assert.Null(found.Problem);
        Assert.Equal(Adoption.Adopt, AdoptionRules.Classify(found, found.Facts?.Spec).What);
    }

    private static void Write(string version)
    {
        var number = 0;
        foreach (var (name, what) in Cases)
        {
            var id = new VmId($"00000000-0000-4000-8000-{++number:000000000000}");
            var at = Path.Combine(Fixtures, version, name, id.Value);
            Directory.CreateDirectory(at);
            var paths = QemuPaths.For(RunDirectory, Path.Combine(RunDirectory, "client"), id, what.Kata);
            var to = paths with { Directory = at };
            if (what.Recorded) VmRecordFile.Write(new VmFacts(id, Spec(what), paths, new ProcessIdentity(4711, 815), MadeBy.Clone), new VmSize(3, 640), QemuPaths.Record(to));
            if (what.Path == HandOutPath.V1) LeaseFile.Write(to, Lease);
            File.WriteAllText(QemuPaths.PidFile(to), "4711\n");
            File.Delete(QemuPaths.State(to));
            using var state = StateFile.Create(QemuPaths.State(to), new VmMark(what.Ownership, what.Path, what.Served, Boot,
                what.Expires is { } end ? Boot with { SinceBoot = end } : null, what.Recorded ? TimeSpan.FromSeconds(2.5) : TimeSpan.Zero));
        }
    }

    private FoundVm Find() => Assert.Single(new VmFinder(new QemuHypervisorOptions { RunDirectory = Run, ClientDirectory = Path.Combine(Run, "client") }).Find());

    private async Task<(VmId Id, QemuProcess Process)> LoadAsync(string version, string name)
    {
        var from = Directory.EnumerateDirectories(Path.Combine(Fixtures, version, name)).Single();
        var id = new VmId(Path.GetFileName(from));
        var to = Path.Combine(QemuPaths.VmRoot(Run), id.Value);
        Directory.CreateDirectory(to);
        var process = QemuProcess.Start(new ProgramStart("/usr/bin/perl", ["-e", "sleep 1000", "--", "-uuid", id.Value, "-pidfile", Path.Combine(to, "pid")], "/dev/null"));
        _processes.Add(process);
        // The kernel lets go of whoever starts a program just before that has its arguments.
        await Eventually.Async(() => Processes.Naming(to).Count == 1, "it has its arguments");
        foreach (var file in Directory.EnumerateFiles(from))
        {
            var path = Path.Combine(to, Path.GetFileName(file));
            File.Copy(file, path);
            if (Path.GetFileName(file) is "pid") File.WriteAllText(path, $"{process.Identity.Pid}\n");
            if (Path.GetFileName(file) is not "vm.json") continue;
            var text = File.ReadAllText(path).Replace(RunDirectory, Run, StringComparison.Ordinal);
            text = Regex.Replace(text, "\"pid\": \\d+", $"\"pid\": {process.Identity.Pid}");
            File.WriteAllText(path, Regex.Replace(text, "\"startTime\": \\d+", $"\"startTime\": {process.Identity.StartTime}"));
            File.WriteAllText(Path.Combine(to, "supervisor.sock"), "");
        }

        return (id, process);
    }

    /// <summary>With the checksum that belongs to it.</summary>
    private static string Checked(string text)
    {
        var words = text.TrimEnd(' ', '\n').Split(' ');
        var body = string.Join(' ', words[..^1]);
        var sum = ~Encoding.ASCII.GetBytes(body).Aggregate(uint.MaxValue, (crc, b) =>
        {
            crc ^= b;
            for (var bit = 0; bit < 8; bit++) crc = (crc & 1) != 0 ? crc >> 1 ^ 0xEDB88320 : crc >> 1;
            return crc;
        });
        return $"{body} {sum.ToString("x8", CultureInfo.InvariantCulture)}".PadRight(text.Length - 1) + "\n";
    }

    private static VmSpec Spec(Case what) => new()
    {
        Pool = new PoolName("runner"), Qemu = "/usr/bin/qemu-system-x86_64", Kernel = "/srv/vmlinuz", Initrd = "/srv/initrd.img", KernelParameters = "console=ttyS0 panic=-1",
        Cpus = 1, MaxCpus = 4, MemoryMiB = 256, MemorySlots = 2, MaxMemoryMiB = 1024, Accelerator = Accelerator.Tcg,
        Kata = what.Kata ? new KataShape() : null,
    };

    private sealed record Case(
        VmOwnership Ownership, HandOutPath Path, Adoption Verdict, bool Kata = false, bool Recorded = true, TimeSpan? Expires = null)
    {
        public Served Served => Ownership is VmOwnership.Warm or VmOwnership.Making ? Served.Unknown : Served.Warm;
    }
}
