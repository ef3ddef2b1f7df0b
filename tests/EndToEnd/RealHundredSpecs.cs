using System.Globalization;
using VmCacheCluster.Client;
using VmCacheCluster.Contracts.V1;
using VmCacheCluster.Tests.EndToEnd.Support;

namespace VmCacheCluster.Tests.EndToEnd;

/// <summary>Clones one after the other, whose clocks are compared with the host's.</summary>
[Trait("Category", "Qemu")]
[Collection(AloneCollection.Name)]
public sealed class RealHundredSpecs
{
    private static readonly AcquireOptions Patient = new() { Timeout = TimeSpan.FromMinutes(4), AutomaticRenewal = false };

    /// <summary>32 random bytes before anything else; machine-id, boot id, hostname; the time.</summary>
    private const string FirstActs =
        "head -c 32 /dev/urandom | od -An -v -tx1 | tr -d ' \\n'; echo; cat /etc/machine-id /proc/sys/kernel/random/boot_id; hostname; touch /tmp/now; TZ=UTC stat -c %y /tmp/now";

    /// <summary>So far the guest's clock may be off, beside what the call takes.</summary>
    private static readonly TimeSpan Clocks = TimeSpan.FromMilliseconds(50);

    [Fact]
    public async Task Serves_a_hundred_acquires_back_to_back_each_with_a_vm_of_its_own()
    {
        await using var house = new House { Patience = TimeSpan.FromMinutes(5) };
        var daemon = house.Start(House.RealVms(4, mebibytes: 256, refill: "auto"));
        await daemon.ReadyAsync();
        var seen = new List<string[]>();

        for (var i = 0; i < 100; i++)
        {
            await using var vm = await daemon.Client.AcquireAsync("", Patient);
            var before = DateTimeOffset.UtcNow;
            var run = await vm.RunAsync(["sh", "-c", FirstActs]);
            var after = DateTimeOffset.UtcNow;
            Assert.True(run.Status == 0, run.Stderr);
            var lines = run.Stdout.Split('\n', StringSplitOptions.RemoveEmptyEntries);
            Assert.Equal([64, 32, 36], lines[..3].Select(l => l.Length));
            Assert.InRange(DateTimeOffset.Parse(lines[4], CultureInfo.InvariantCulture), before - Clocks, after + Clocks);
            seen.Add([vm.Id, .. lines[..4]]);
            Assert.Equal(MadeBy.Clone, vm.Vm.MadeBy);
        }

        for (var what = 0; what < seen[0].Length; what++) Assert.Equal(100, seen.Select(s => s[what]).Distinct().Count());
        await Crash.AssertWholeAsync(house, daemon);
    }
}
