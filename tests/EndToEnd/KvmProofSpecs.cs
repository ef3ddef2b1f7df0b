using VmCacheCluster.Tests.EndToEnd.Support;

namespace VmCacheCluster.Tests.EndToEnd;

/// <summary>What a host's daemon makes of KVM that comes, is late, and refuses. Its QEMU is a fake.</summary>
[Trait("Category", "Fake")]
public sealed class KvmProofSpecs
{
    private const string Pauses = "kvm-proof { kernel-limit = 1s, agent-limit = 1s, retry { initial = 10h, max = 10h } }";

    [SkippableFact]
    public async Task Is_proved_at_once_when_doctor_is_told_so_after_it_was_late()
    {
        await SkipWhereThereIsNoKvmAsync();
        await using var house = new House();
        house.Kernel("under-kvm", "agent=never");
        var settings = Settings(house);
        var daemon = house.StartWithKvm(settings);
        var late = await daemon.PoolAsync(p => p is { Warm: 1, Warming: 0, Accelerator: "tcg" } && p.AcceleratorReason.Contains("limit", StringComparison.Ordinal), "KVM was late");
        Assert.Contains("raise vmcache.kvm-proof.kernel-limit", late.Pools[0].AcceleratorReason, StringComparison.Ordinal);
        Assert.Contains("vmcache doctor --retry-kvm", late.Pools[0].AcceleratorReason, StringComparison.Ordinal);

        house.Kernel("under-kvm");
        var doctor = await CliRun.Async(house.Endpoint, "doctor", "--retry-kvm");

        Assert.Contains("KVM is being proved anew for pool default", doctor.Out, StringComparison.Ordinal);
        await daemon.PoolAsync(p => p is { Warm: 1, Warming: 0, Accelerator: "kvm" } && p.Vms.Count == 1, "its VM runs under KVM");

        // And so it is for the next daemon, from its first answer on.
        await daemon.TerminateAsync();
        house.Kernel("under-kvm", "agent=never");
        daemon = house.StartWithKvm(settings);
        var again = await daemon.PoolAsync(p => p is { Warm: 1, Warming: 0 }, "it is warm");
        Assert.Equal("kvm", again.Pools[0].Accelerator);
    }

    [SkippableFact]
    public async Task Is_what_status_tells_of_soon_after_the_device_appeared()
    {
        await SkipWhereThereIsNoKvmAsync();
        await using var house = new House();
        house.Kernel("under-kvm");
        var daemon = house.StartWithKvm(Settings(house), present: false);
        await daemon.PoolAsync(p => p is { Warm: 1, Warming: 0, Accelerator: "tcg" } && p.AcceleratorReason.StartsWith("/dev/kvm is missing", StringComparison.Ordinal), "there is no KVM");

        KvmStandIn.Appear(daemon.Pid);

        var status = await daemon.PoolAsync(p => p is { Warm: 1, Warming: 0, Accelerator: "kvm" } && p.Vms.Count == 1, "its VM runs under KVM");
        Assert.StartsWith("KVM ran the guest in ", status.Pools[0].AcceleratorReason, StringComparison.Ordinal);
    }

    /// <summary>Under KVM its guest is another.</summary>
    private static string Settings(House house)
    {
        var qemu = house.Script("qemu", $"""
            #!/bin/sh
            case "$*" in *"-accel kvm"*)
              for word; do
                shift
                case "$word" in /proc/self/fd/9) word="{house.At("under-kvm")}" ;; esac
                set -- "$@" "$word"
              done
            esac
            exec "{Dist.FakeQemu}" "$@"

            """);
        return $"{house.Fakes(1)}\n{Pauses}\npool-defaults {{ accelerator = auto, qemu = \"{qemu}\" }}";
    }

    private static async Task SkipWhereThereIsNoKvmAsync()
    {
        var why = await KvmStandIn.WhyNotAsync();
        Skip.If(why is not null, $"no mount namespace can be made here: {why}");
    }
}
