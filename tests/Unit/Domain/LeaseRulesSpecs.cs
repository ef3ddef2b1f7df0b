using VmCacheCluster.Domain;
using VmCacheCluster.Domain.Ports;

namespace VmCacheCluster.Tests.Unit.Domain;

public class LeaseRulesSpecs
{
    private static readonly LeaseLimits Limits = new(TimeSpan.FromMinutes(1), TimeSpan.FromHours(1));

    [Theory]
    [InlineData(0, 0, null)]
    [InlineData(4, 1024, null)]
    [InlineData(5, 0, "5 vCPUs are more than the 4 that its VMs can have (max-cpus)")]
    [InlineData(0, 1025, "1025 MiB of memory are more than the 1024 MiB that its VMs can have (max-memory)")]
    [InlineData(-1, 0, "negative")]
    [InlineData(0, -1, "negative")]
    [InlineData(int.MaxValue, int.MaxValue, "max-cpus")]
    public void Names_what_a_pool_cannot_do(int cpus, int memory, string? fault)
        => Same(fault, LeaseRules.Fault(Wish with { MinCpus = cpus, MinMemoryMiB = memory }, PoolOf(slots: 2)));

    [Fact]
    public void Says_so_when_no_memory_can_be_plugged()
    {
        Same("memory-slots is 0", LeaseRules.Fault(Wish with { MinMemoryMiB = 257 }, PoolOf(slots: 0)));
        Assert.Null(LeaseRules.Fault(Wish with { MinMemoryMiB = 256 }, PoolOf(slots: 0)));
    }

    [Theory]
    [InlineData(896, null)]
    [InlineData(897, "897 MiB of memory would be 1024 MiB, since memory is plugged in blocks of 128 MiB, and its VMs can have 1000 MiB (max-memory)")]
    [InlineData(1000, "1000 MiB of memory would be 1024 MiB")]
    [InlineData(256, null)]
    public void Says_so_when_whole_blocks_of_memory_are_too_much(int memory, string? fault)
    {
        var pool = PoolOf(slots: 2);

        Same(fault, LeaseRules.Fault(Wish with { MinMemoryMiB = memory }, pool with { Spec = pool.Spec with { MaxMemoryMiB = 1000 } }));
    }

    [Theory]
    [InlineData(1, 4352, null)]
    [InlineData(1, 4353, "4353 MiB of memory are more than the 4352 MiB that a guest started with 256 MiB takes in 1 steps (memory-slots)")]
    [InlineData(1, 12288, "take a pool whose VMs start with more memory")]
    [InlineData(2, 12288, null)]
    public void Says_so_when_the_guests_kernel_could_not_describe_so_much_memory(int slots, int memory, string? fault)
    {
        var pool = PoolOf(slots);

        Same(fault, LeaseRules.Fault(Wish with { MinMemoryMiB = memory }, pool with { Spec = pool.Spec with { MaxMemoryMiB = 65536 } }));
    }

    [Theory]
    [InlineData(0.999, "a TTL of 0.999 s is less than 1 s")]
    [InlineData(1, null)]
    [InlineData(3600, null)]
    [InlineData(3600.001, "a TTL of 3600.001 s is more than the 3600 s that it allows (max-lease-ttl)")]
    [InlineData(0, "less than 1 s")]
    [InlineData(-5, "less than 1 s")]
    public void Names_a_ttl_that_cannot_be(double seconds, string? fault)
    {
        Same(fault, LeaseRules.FaultOfTtl(TimeSpan.FromSeconds(seconds), Limits));
        Same(fault, LeaseRules.Fault(Wish with { Ttl = TimeSpan.FromSeconds(seconds) }, PoolOf(slots: 2)));
    }

    [Theory]
    [InlineData(VmSocket.Console, false, null)]
    [InlineData(VmSocket.Qmp, false, null)]
    [InlineData(VmSocket.Agent, false, "acquire a VM with client_holds_agent")]
    [InlineData(VmSocket.Console, true, null)]
    [InlineData(VmSocket.Qmp, true, null)]
    [InlineData(VmSocket.Agent, true, null)]
    public void Lets_a_holder_connect_to_all_but_an_agent_that_is_the_daemons(VmSocket to, bool holdsAgent, string? fault)
    {
        var lease = new LeaseRecord(LeaseToken.New(), "", "", null, new Dictionary<string, string>(), TimeSpan.FromMinutes(1), holdsAgent);

        Same(fault, LeaseRules.FaultOfConnect(new VmId("0b1d8a52-6c0e-4a55-9d5c-1f0f6f3b9a10"), lease, to));
    }

    /// <summary>Each differs from the others in one thing.</summary>
    public static IEnumerable<LeaseWish> Wishes()
    {
        yield return Wish;
        yield return Wish with { MinCpus = 2 };
        yield return Wish with { MinMemoryMiB = 2 };
        yield return Wish with { Sandbox = Sandbox("a") };
        yield return Wish with { Sandbox = Sandbox("b") };
        yield return Wish with { Ttl = TimeSpan.FromSeconds(5) };
        yield return Wish with { Warm = WarmWish.Never };
        yield return Wish with { Warm = WarmWish.Require };
        yield return Wish with { ClientHoldsAgent = true };
        yield return Wish with { Labels = Map(("a", "b")) };
        yield return Wish with { Labels = Map(("ab", "")) };
        yield return Wish with { Labels = Map(("a", ""), ("b", "")) };
        yield return Binding(hostname: "box");
        yield return Binding(environment: Map(("a", "b")));
        yield return Binding(files: [File("/a", 1, "x")]);
        yield return Binding(files: [File("/b", 1, "x")]);
        yield return Binding(files: [File("/a", 2, "x")]);
        yield return Binding(files: [File("/a", 1, "xy")]);
        yield return Binding(files: [File("/a", 1, ""), File("/a", 1, "x")]);
    }

    [Fact]
    public void Tells_any_two_wishes_apart_that_differ()
    {
        var digests = Wishes().Select(LeaseRules.Digest).ToList();

        Assert.Equal(digests.Count, digests.Distinct().Count());
        Assert.All(digests, digest => Assert.Matches("^[0-9a-f]{64}$", digest));
    }

    [Fact]
    public void Gives_equal_wishes_one_digest_whatever_their_key_and_the_order_of_their_maps()
    {
        var one = Binding(environment: Map(("a", "1"), ("b", "2")), files: [File("/a", 1, "x")]) with { Labels = Map(("x", "1"), ("y", "2")), IdempotencyKey = "k" };
        var two = Binding(environment: Map(("b", "2"), ("a", "1")), files: [File("/a", 1, "x")]) with { Labels = Map(("y", "2"), ("x", "1")), IdempotencyKey = "l" };

        Assert.Equal(LeaseRules.Digest(one), LeaseRules.Digest(two));
    }

    private static LeaseWish Wish => new(0, 0, null, Map(), null, "", WarmWish.Prefer, LateBinding.None, false);

    private static LeaseWish Binding(string hostname = "", Dictionary<string, string>? environment = null, GuestFile[]? files = null)
        => Wish with { Binding = new LateBinding(hostname, environment ?? [], files ?? []) };

    private static GuestFile File(string path, int mode, string text) => new(path, mode, System.Text.Encoding.UTF8.GetBytes(text));

    private static Dictionary<string, string> Map(params (string Key, string Value)[] pairs) => pairs.ToDictionary(p => p.Key, p => p.Value);

    private static SandboxId Sandbox(string text) => SandboxId.TryParse(text, out var id) ? id : throw new ArgumentException(text);

    private static PoolOptions PoolOf(int slots) => new()
    {
        Name = PoolName.Default, VmCacheNumber = 1, GracePeriod = TimeSpan.FromSeconds(30), Lease = Limits, BootTimeout = TimeSpan.FromSeconds(60), MaxWaiting = 9,
        Backoff = new BackoffOptions(TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(2), 0),
        Spec = new VmSpec
        {
            Pool = PoolName.Default, Qemu = "/q", Kernel = "/k", MaxCpus = 4, MemorySlots = slots, MaxMemoryMiB = slots == 0 ? 256 : 1024,
        },
    };

    private static void Same(string? expected, string? fault)
    {
        if (expected is null) Assert.Null(fault);
        else Assert.Contains(expected, fault);
    }
}
