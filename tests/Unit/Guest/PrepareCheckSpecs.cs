using Google.Protobuf;
using VmCacheCluster.Agent;
using VmCacheCluster.Agent.Guest;
using VmCacheCluster.Guest.Preparing;
using Xunit;

namespace VmCacheCluster.Tests.Unit.Guest;

public sealed class PrepareCheckSpecs : IDisposable
{
    private readonly string _root = Directory.CreateTempSubdirectory("vmc-root-").FullName;

    public void Dispose() => Directory.Delete(_root, recursive: true);

    public static TheoryData<string, Action<PrepareRequest>> Faults() => new()
    {
        { "entropy: 31 bytes", r => r.Entropy = ByteString.CopyFrom(new byte[31]) },
        { "entropy: 4097 bytes", r => r.Entropy = ByteString.CopyFrom(new byte[4097]) },
        { "seconds: 0", r => r.Seconds = 0 },
        { "seconds: 8000000001", r => r.Seconds = 8_000_000_001 },
        { "nanoseconds: 1000000000", r => r.Nanoseconds = 1_000_000_000 },
        { "machine_id: ''", r => r.MachineId = "" },
        { "machine_id: 'ABC", r => r.MachineId = "ABCDEF00112233445566778899aabbcc" },
        { "machine_id", r => r.MachineId += "0" },
        { "hostname: ''", r => r.Hostname = "" },
        { "hostname: 'a_b'", r => r.Hostname = "a_b" },
        { "hostname: 'a?b'", r => r.Hostname = "a\0b" },
        { "hostname", r => r.Hostname = new string('h', 65) },
        { "environment: ''", r => r.Environment[""] = "x" },
        { "environment: 'A=B'", r => r.Environment["A=B"] = "x" },
        { "environment: 'A?B'", r => r.Environment["A\0B"] = "x" },
        { "environment: 'NUL'", r => r.Environment["NUL"] = "x\0" },
        { "environment: 'BIG'", r => r.Environment["BIG"] = new string('x', 32 * 1024) },
        { "environment: 257", r => AddVariables(r, 257, "") },
        { "environment: 1", r => AddVariables(r, 40, new string('x', 30_000)) },
        { "files: 257", r => AddFiles(r, 257, 0) },
        { "files[3]", r => AddFiles(r, 4, 1024 * 1024) },
        { "files[0]: '/big'", r => r.Files.Add(File("/big", new byte[(1024 * 1024) + 1])) },
        { "files[1]: '/a' is there twice", r => r.Files.Add([File("/a"), File("/a")]) },
        { "files[0]: the mode of '/a'", r => r.Files.Add(new PrepareFile { Path = "/a", Mode = 0x1000 }) },
        { "'/a/b' cannot be a file and a directory", r => r.Files.Add([File("/a/b"), File("/a/b/c")]) },
        { "'/a/b' cannot be a file and a directory", r => r.Files.Add([File("/a/b/c"), File("/a/b")]) },
    };

    public static TheoryData<string, string> BadPaths() => new()
    {
        { "", "is not absolute" },
        { "a/b", "is not absolute" },
        { "../etc/passwd", "is not absolute" },
        { "/", "empty" },
        { "/a/", "empty" },
        { "//a", "empty" },
        { "/a/../b", "'..'" },
        { "/..", "'..'" },
        { "/a/./b", "'.'" },
        { "/a\0b", "NUL" },
        { "/" + new string('x', 256), "255" },
        { string.Concat(Enumerable.Repeat("/" + new string('x', 200), 21)), "4000" },
        { "/proc/sys/kernel/hostname", "kernel" },
        { "/sys/a", "kernel" },
        { "/dev/null", "kernel" },
        { "/dev", "kernel" },
        { "/etc/machine-id", "machine_id" },
        { "/etc/hostname", "hostname" },
        { "/a/.vmcache-prepare.tmp", "uses itself" },
    };

    [Theory]
    [MemberData(nameof(Faults))]
    public void Names_what_is_wrong(string named, Action<PrepareRequest> spoil)
    {
        var request = Good();
        spoil(request);

        Assert.Contains(named, Refusal(request), StringComparison.Ordinal);
        Assert.Empty(Directory.GetFileSystemEntries(_root));
    }

    [Theory]
    [MemberData(nameof(BadPaths))]
    public void Refuses_a_path_that_is_no_plain_place_for_a_file(string path, string why)
    {
        var request = Good();
        request.Files.Add([File("/fine"), File(path)]);

        var refusal = Refusal(request);

        Assert.StartsWith("files[1]", refusal, StringComparison.Ordinal);
        Assert.Contains(why, refusal, StringComparison.Ordinal);
    }

    [Fact]
    public void Refuses_a_path_through_a_symbolic_link_or_a_file()
    {
        Directory.CreateDirectory(_root + "/real");
        Directory.CreateSymbolicLink(_root + "/link", _root + "/real");
        System.IO.File.WriteAllText(_root + "/plain", "");

        foreach (var directory in (string[])["/link", "/plain"])
        {
            var request = Good();
            request.Files.Add(File(directory + "/deep/file"));
            Assert.Contains($"below '{directory}'", Refusal(request), StringComparison.Ordinal);
        }

        Assert.Empty(Directory.GetFileSystemEntries(_root + "/real"));
    }

    [Fact]
    public void Refuses_a_file_where_a_directory_is()
    {
        Directory.CreateDirectory(_root + "/here");
        var request = Good();
        request.Files.Add(File("/here"));

        Assert.Contains("'/here' is a directory", Refusal(request), StringComparison.Ordinal);
    }

    [Fact]
    public void Takes_all_that_is_allowed_at_its_most()
    {
        var request = Good();
        request.Hostname = new string('h', 64);
        request.Entropy = ByteString.CopyFrom(new byte[4096]);
        AddVariables(request, 256, new string('x', 4000));
        AddFiles(request, 256, 12 * 1024);

        Assert.Equal(256, PrepareService.Check(request, new GuestFiles(_root)).Count);
    }

    private string Refusal(PrepareRequest request)
    {
        var fault = Assert.Throws<TtrpcStatusException>(() => PrepareService.Check(request, new GuestFiles(_root)));
        Assert.Equal(TtrpcStatusCode.InvalidArgument, fault.Code);
        return fault.Message;
    }

    private static PrepareRequest Good() => new()
    {
        Entropy = ByteString.CopyFrom(new byte[512]),
        Seconds = 1_800_000_000,
        MachineId = "0123456789abcdef0123456789abcdef",
        Hostname = "vm-1.example",
    };

    private static PrepareFile File(string path, byte[]? content = null) => new() { Path = path, Content = ByteString.CopyFrom(content ?? []) };

    private static void AddVariables(PrepareRequest request, int count, string value)
    {
        for (var i = 0; i < count; i++) request.Environment[$"V{i}"] = value;
    }

    private static void AddFiles(PrepareRequest request, int count, int length)
    {
        for (var i = 0; i < count; i++) request.Files.Add(File($"/f{i}", new byte[length]));
    }
}
