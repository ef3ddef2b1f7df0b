using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;
using VmCacheCluster.Contracts.V1;
using VmCacheCluster.Gateway.Services;

namespace VmCacheCluster.Tests.Unit.Gateway.Services;

public sealed class AcquireRequestReaderSpecs
{
    [Theory]
    [InlineData("etc/x", "is not absolute")]
    [InlineData("", "is not absolute")]
    [InlineData("/a/../b", "'.' or '..'")]
    [InlineData("/..", "'.' or '..'")]
    [InlineData("/a/./b", "'.' or '..'")]
    [InlineData("/a//b", "a part that is empty")]
    [InlineData("/", "a part that is empty")]
    [InlineData("/a/", "a part that is empty")]
    [InlineData("/a\0b", "NUL")]
    [InlineData("/etc/hostname", "is written from machine_id and hostname")]
    [InlineData("/etc/machine-id", "is written from machine_id and hostname")]
    [InlineData("/proc/x", "the kernel has its own files")]
    [InlineData("/sys/a/b", "the kernel has its own files")]
    [InlineData("/dev", "the kernel has its own files")]
    [InlineData("/a/.vmcache-prepare.tmp", "the guest uses itself")]
    public void Refuses_a_path_that_is_not_plain(string path, string why)
    {
        var faults = Faults(new AcquireRequest { LateBinding = new LateBinding { Files = { new GuestFile { Path = path } } } });

        Assert.Contains(why, Assert.Single(faults.Named).Description);
    }

    [Fact]
    public void Refuses_a_path_that_is_too_long_for_the_guest()
    {
        static string Long(int bytes) => string.Concat(Enumerable.Repeat("/" + new string('p', 199), bytes / 200));

        Assert.False(Faults(Files(Long(4000), "/" + new string('s', 255))).Any);
        Assert.Contains("longer than 4000 bytes", Assert.Single(Faults(Files(Long(4000) + "/x")).Named).Description);
        Assert.Contains("longer than 255 bytes", Assert.Single(Faults(Files("/" + new string('ü', 128))).Named).Description);
    }

    [Fact]
    public void Refuses_files_that_cannot_be_together()
    {
        var twice = Assert.Single(Faults(Files("/a", "/b", "/a")).Named);
        var below = Assert.Single(Faults(Files("/a/b/c", "/a/bc", "/a/b")).Named);

        Assert.Equal(("late_binding.files[2].path", "'/a' is there twice"), (twice.Field, twice.Description));
        Assert.Equal(("late_binding.files[0].path", "'/a/b/c' lies below '/a/b', which is to be a file"), (below.Field, below.Description));
    }

    [Fact]
    public void Refuses_files_that_are_too_many_too_large_or_of_a_strange_mode()
    {
        var many = new LateBinding();
        many.Files.AddRange(Enumerable.Range(0, 257).Select(i => new GuestFile { Path = $"/{i}" }));
        var large = new LateBinding { Files = { new GuestFile { Path = "/a", Content = ByteString.CopyFrom(new byte[(1 << 20) + 1]) } } };
        var together = new LateBinding();
        together.Files.AddRange(Enumerable.Range(0, 4).Select(i => new GuestFile { Path = $"/{i}", Content = ByteString.CopyFrom(new byte[900_000]) }));
        var mode = new LateBinding { Files = { new GuestFile { Path = "/a", Mode = 4096 } } };

        Assert.Equal("late_binding.files", Assert.Single(Faults(new AcquireRequest { LateBinding = many }).Named).Field);
        Assert.Equal("late_binding.files[0].content", Assert.Single(Faults(new AcquireRequest { LateBinding = large }).Named).Field);
        Assert.Equal("late_binding.files", Assert.Single(Faults(new AcquireRequest { LateBinding = together }).Named).Field);
        Assert.Equal("late_binding.files[0].mode", Assert.Single(Faults(new AcquireRequest { LateBinding = mode }).Named).Field);
    }

    [Theory]
    [InlineData("A=B", "1")]
    [InlineData("", "1")]
    [InlineData("A\0", "1")]
    [InlineData("A", "1\0")]
    public void Refuses_a_variable_that_no_program_could_have(string name, string value)
        => Assert.True(Faults(new AcquireRequest { LateBinding = new LateBinding { Environment = { [name] = value } } }).Any);

    [Theory]
    [InlineData("app", true)]
    [InlineData("a.example/app_1", true)]
    [InlineData("A-b.c", true)]
    [InlineData("", false)]
    [InlineData("-a", false)]
    [InlineData("a-", false)]
    [InlineData("/a", false)]
    [InlineData("A.example/app", false)]
    [InlineData("a/b/c", false)]
    [InlineData("a b", false)]
    [InlineData("a\n", false)]
    public void Knows_a_label_key(string key, bool good)
        => Assert.Equal(!good, Faults(new AcquireRequest { Labels = { [key] = "v" } }).Any);

    [Fact]
    public void Refuses_labels_that_are_too_many_or_too_long()
    {
        var many = new AcquireRequest();
        for (var i = 0; i < 65; i++) many.Labels[$"l{i}"] = "";

        Assert.Contains("not 65", Assert.Single(Faults(many).Named).Description);
        Assert.True(Faults(new AcquireRequest { Labels = { ["a"] = new string('x', 257) } }).Any);
        Assert.False(Faults(new AcquireRequest { Labels = { ["a"] = new string('x', 256) } }).Any);
    }

    [Theory]
    [InlineData(0, 0, true)]
    [InlineData(-1, 0, true)]
    [InlineData(0, 1_000_000, false)]
    [InlineData(long.MaxValue, 0, true)]
    [InlineData(1, 2_000_000_000, true)]
    [InlineData(3600, 0, false)]
    public void Refuses_a_time_that_is_none(long seconds, int nanoseconds, bool fault)
        => Assert.Equal(fault, Faults(new AcquireRequest { Ttl = new Duration { Seconds = seconds, Nanos = nanoseconds } }).Any);

    [Fact]
    public void Refuses_what_nothing_can_be()
    {
        Assert.True(Faults(new AcquireRequest { Vcpus = uint.MaxValue }).Any);
        Assert.True(Faults(new AcquireRequest { MemoryMib = uint.MaxValue }).Any);
        Assert.True(Faults(new AcquireRequest { IdempotencyKey = new string('k', 129) }).Any);
        Assert.True(Faults(new AcquireRequest { IdempotencyKey = "a\nb" }).Any);
        Assert.True(Faults(new AcquireRequest { Warm = (WarmPreference)77 }).Any);
        Assert.True(Faults(new AcquireRequest { LateBinding = new LateBinding { Hostname = "a b" } }).Any);
        Assert.True(Faults(new AcquireRequest { LateBinding = new LateBinding { Hostname = new string('h', 65) } }).Any);
        Assert.False(Faults(new AcquireRequest()).Any);
    }

    [Fact]
    public void Counts_the_faults_that_are_too_many_to_be_named()
    {
        var wrong = new LateBinding();
        wrong.Files.AddRange(Enumerable.Range(0, 256).Select(i => new GuestFile { Path = "relative\u001b[31m" + new string('x', 5000) }));

        var faults = Faults(new AcquireRequest { LateBinding = wrong });

        // Each path, and all of them together.
        Assert.Equal((RequestFaults.MostNamed, 257 - RequestFaults.MostNamed), (faults.Named.Count, faults.Unnamed));
        Assert.EndsWith($"and {257 - RequestFaults.MostNamed} more", faults.ToString());
        Assert.InRange(faults.ToString().Length, 100, 5000);
        Assert.DoesNotContain('\u001b', faults.ToString());
    }

    private static RequestFaults Faults(AcquireRequest request)
    {
        var faults = new RequestFaults();
        AcquireRequestReader.Read(request, faults);
        return faults;
    }

    private static AcquireRequest Files(params string[] paths)
        => new() { LateBinding = new LateBinding { Files = { paths.Select(path => new GuestFile { Path = path }) } } };
}
