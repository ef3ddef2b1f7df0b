using System.Text;
using CsCheck;
using VmCacheCluster.Kata;
using VmCacheCluster.Kata.Configuration;
using Xunit;

namespace VmCacheCluster.Tests.Unit.Kata.Configuration;

/// <summary>Files made at random: the reader takes and refuses what Kata's own takes and refuses, version by version.</summary>
public sealed class DifferentialSpecs
{
    private const string DropIn = "/opt/kata/etc/kata-containers/config.d/10-random.toml";

    [Theory]
    [InlineData(KataTarget.Kata113)]
    [InlineData(KataTarget.Kata25)]
    [InlineData(KataTarget.Kata35)]
    [InlineData(KataTarget.Kata41)]
    public void Takes_what_kata_takes_and_refuses_what_kata_refuses(KataTarget target)
    {
        var (taken, refused) = (0, 0);
        KataFileCase.All.Sample(
            file =>
            {
                var rules = new KataFileRules(KataVersion.Name(target));
                var refusal = rules.Refusal(file);
                var read = Read(file, target);

                var difference = $"Kata: {refusal ?? "takes it"}\nread: {string.Join('\n', read.Faults)}\n\n{file}";
                Assert.True((refusal is null) == (read.Faults.Count == 0), difference);
                Assert.All(read.Faults, Told);
                if (refusal is null) Same(rules, read.Configuration!);
                _ = refusal is null ? Interlocked.Increment(ref taken) : Interlocked.Increment(ref refused);
            },
            iter: 3000, seed: "0000KOIPe036", threads: 1, print: file => file.ToString());

        Assert.InRange(taken, 300, 2900);
        Assert.InRange(refused, 300, 2900);
    }

    /// <summary>A file is used when one of both can read it, and each has its own verdict.</summary>
    [Fact]
    public void Uses_a_file_that_3_5_or_4_1_can_read() => KataFileCase.All.Sample(
        file =>
        {
            var read = Read(file, KataTarget.Union);

            Assert.Equal(Read(file, KataTarget.Kata35).Faults, read.Verdicts[0].Faults);
            Assert.Equal(Read(file, KataTarget.Kata41).Faults, read.Verdicts[1].Faults);
            Assert.Equal(read.Verdicts.Any(v => v.Vm is not null), read.Configuration is not null);
            Assert.Equal(read.Configuration is null, read.Faults.Count > 0);
        },
        iter: 1000, seed: "0000KOIPe036", threads: 1, print: file => file.ToString());

    private static KataConfigurationResult Read(KataFileCase file, KataTarget target)
    {
        var host = VectorHost.With(file.MainText);
        if (file.DropIn.Count > 0) host.And(DropIn, Encoding.UTF8.GetBytes(file.DropInText));
        return new KataConfigurationReader(host, target: target).Read(VectorHost.File);
    }

    private static void Told(KataFault fault)
    {
        Assert.NotEmpty(fault.Text);
        Assert.NotEmpty(fault.Remedy);
        Assert.NotEmpty(fault.Version);
        Assert.DoesNotContain("System.", fault.ToString(), StringComparison.Ordinal);
        Assert.DoesNotContain('\n', fault.ToString());
    }

    private static void Same(KataFileRules rules, KataConfiguration configuration)
    {
        var vm = configuration.Vm.HypervisorConfig;
        var memory = Number(rules.Value("hypervisor.qemu", "default_memory"));
        var slots = Number(rules.Value("hypervisor.qemu", "memory_slots"));
        var most = Number(rules.Value("hypervisor.qemu", "default_maxmemory"));

        Assert.Equal(memory < rules.LeastMemory ? 2048 : memory, vm.MemorySize);
        Assert.Equal(slots == 0 ? 10 : slots, vm.MemSlots);
        Assert.Equal(most == 0 || most > 8192 ? 8192 : most, vm.DefaultMaxMemorySize);
        Assert.Equal(rules.Value("hypervisor.qemu", "enable_hugepages") == "true", vm.HugePages);
        Assert.Equal(Math.Min(Number(rules.Value("factory", "vm_cache_number")), int.MaxValue), configuration.Factory.VmCacheNumber);
    }

    /// <summary>With the bits of an unsigned number.</summary>
    private static decimal Number(string? value) => value switch
    {
        null => 0,
        "-1" => ulong.MaxValue,
        "0x10" => 16,
        "01" => 1,
        "1_000" => 1000,
        _ => decimal.Parse(value, System.Globalization.CultureInfo.InvariantCulture),
    };
}
