using System.Text;
using CsCheck;
using VmCacheCluster.Domain;
using VmCacheCluster.Domain.Ports;
using VmCacheCluster.Hypervisor.Qemu;
using VmCacheCluster.Hypervisor.Qemu.Processes;
using VmCacheCluster.Hypervisor.Qemu.Records;
using Xunit;

namespace VmCacheCluster.Tests.Unit.Qemu;

/// <summary>Whatever becomes of one VM's files: the look does not fail, does not hang, and finds the other VM as it is.</summary>
public sealed class SpoiledRecordSpecs : IDisposable
{
    private static readonly string[] Files = ["vm.json", "state", "lease.json", "pid"];
    private static readonly string[] Numbers = ["-1", "0", "1e400", "NaN", "9223372036854775807", "-9223372036854775808", "99999999999999999999", "\"7\"", "null", "[]", "{}"];

    private readonly DirectoryInfo _root = Directory.CreateTempSubdirectory("spoil");
    private readonly QemuHypervisorOptions _options;
    private readonly VmFinder _finder;
    private readonly VmPaths _spoiled, _good;
    private readonly FoundVm _before;
    private readonly Dictionary<string, byte[]> _contents;

    public SpoiledRecordSpecs()
    {
        _options = new QemuHypervisorOptions { RunDirectory = Path.Combine(_root.FullName, "run"), ClientDirectory = Path.Combine(_root.FullName, "client") };
        _finder = new VmFinder(_options);
        (_spoiled, _good) = (Leave(VmId.New()), Leave(VmId.New()));
        _before = Good();
        _contents = Files.ToDictionary(f => f, f => File.ReadAllBytes(At(f)));
    }

    public void Dispose() => _root.Delete(recursive: true);

    [Theory]
    [InlineData("vm.json")]
    [InlineData("state")]
    [InlineData("lease.json")]
    [InlineData("pid")]
    public void Finds_the_other_vm_as_it_is_whatever_the_bytes_of_a_file_are(string file)
    {
        var original = _contents[file];
        var changes = Gen.OneOf(
            Gen.Select(Gen.Int[0, original.Length - 1], Gen.Byte, (at, b) => (byte[])[.. original[..at], b, .. original[(at + 1)..]]),
            Gen.Int[0, original.Length].Select(length => original[..length]),
            Gen.Select(Gen.Int[0, original.Length], Gen.Byte.Array[1, 64], (at, more) => (byte[])[.. original[..at], .. more, .. original[at..]]),
            Gen.Byte.Array[0, 300],
            Gen.Select(Gen.Int[0, 200], Gen.Int[0, Numbers.Length - 1], (nth, number) => WithNumber(original, nth, Numbers[number])));
        changes.Sample(bytes =>
        {
            File.WriteAllBytes(At(file), bytes);
            AssertGood();
        }, iter: 400, threads: 1);
    }

    [Theory]
    [InlineData("directory")]
    [InlineData("pipe")]
    [InlineData("link")]
    [InlineData("link to itself")]
    [InlineData("unreadable")]
    [InlineData("huge")]
    [InlineData("deep")]
    public async Task Finds_the_other_vm_as_it_is_whatever_is_in_the_place_of_a_file(string what)
    {
        foreach (var file in Files)
        {
            File.Delete(At(file));
            Put(what, At(file));

            // A pipe that is waited at would never end.
            await Task.Run(AssertGood).WaitAsync(TimeSpan.FromSeconds(60));

            if (Directory.Exists(At(file)) && what == "directory") Directory.Delete(At(file));
            else File.Delete(At(file));
            File.WriteAllBytes(At(file), _contents[file]);
        }
    }

    /// <summary>Its key is that VM's still.</summary>
    [Theory]
    [InlineData("vm.json", null)]
    [InlineData("vm.json", "{")]
    [InlineData("state", null)]
    [InlineData("state", "x")]
    public void Knows_the_lease_of_a_vm_whose_other_files_are_lost(string file, string? contents)
    {
        if (contents is null) File.Delete(At(file));
        else File.WriteAllText(At(file), contents);

        var found = _finder.Find().Single(f => f.Id.Value == Path.GetFileName(_spoiled.Directory));

        Assert.Equal("key", found.MayBeHeldBy?.IdempotencyKey);
    }

    private void Put(string what, string path)
    {
        switch (what)
        {
            case "directory": Directory.CreateDirectory(path); break;
            case "pipe": System.Diagnostics.Process.Start("mkfifo", path).WaitForExit(); break;
            case "link": File.CreateSymbolicLink(path, "/etc/passwd"); break;
            case "link to itself": File.CreateSymbolicLink(path, path); break;
            case "unreadable": File.WriteAllText(path, ""); File.SetUnixFileMode(path, UnixFileMode.None); break;
            case "huge": using (var file = File.Create(path)) file.SetLength(1L << 40); break;
            default: File.WriteAllText(path, "{\"version\": 1, \"x\": " + new string('[', 200_000)); break;
        }
    }

    private void AssertGood()
    {
        var now = Good();
        Assert.Equal(_before with { Lease = null, Facts = null }, now with { Lease = null, Facts = null });
        Assert.Equal(_before.Facts, now.Facts);
        Assert.Equal(_before.Lease! with { Labels = now.Lease!.Labels }, now.Lease);
    }

    private FoundVm Good()
    {
        var found = _finder.Find();
        Assert.Equal(2, found.Count);
        return found.Single(f => f.Id.Value == Path.GetFileName(_good.Directory));
    }

    private string At(string file) => Path.Combine(_spoiled.Directory, file);

    /// <summary>With the nth number of a JSON text replaced.</summary>
    private static byte[] WithNumber(byte[] original, int nth, string number)
    {
        var text = Encoding.UTF8.GetString(original);
        var all = System.Text.RegularExpressions.Regex.Matches(text, "-?[0-9]+");
        if (all.Count == 0) return original;
        var match = all[nth % all.Count];
        return Encoding.UTF8.GetBytes(text[..match.Index] + number + text[(match.Index + match.Length)..]);
    }

    private VmPaths Leave(VmId id)
    {
        var paths = QemuPaths.For(_options.RunDirectory, _options.ClientDirectory, id);
        Directory.CreateDirectory(paths.Directory);
        var spec = new VmSpec { Pool = PoolName.Default, Qemu = "/bin/true", Kernel = "/k", Initrd = "/i" };
        VmRecordFile.Write(new VmFacts(id, spec, paths, new ProcessIdentity(int.MaxValue, 1), MadeBy.Boot), new VmSize(2, 384));
        LeaseFile.Write(paths, new LeaseRecord(LeaseToken.New(), "key", "digest", null, new Dictionary<string, string> { ["a"] = "b" }, TimeSpan.FromMinutes(5)));
        File.WriteAllText(QemuPaths.PidFile(paths), "2147483647\n");
        using var state = StateFile.Create(QemuPaths.State(paths), new VmMark(VmOwnership.Confirmed, HandOutPath.V1, Served.Warm, new LinuxHostClock().Now));
        return paths;
    }
}
