using System.Runtime.CompilerServices;
using System.Text.Json;
using VmCacheCluster.Domain;
using VmCacheCluster.Kata;
using Xunit;

namespace VmCacheCluster.Tests.Unit.Kata;

/// <summary>
/// GrpcVM.hypervisor for each generation of clients, against golden files. VMCACHE_UPDATE_GOLDEN=1 writes them anew; read the diff.
/// They were checked by hand against Kata's sources: qemuGrpc and QemuState in virtcontainers/qemu.go, the bridge in
/// virtcontainers/types/pci.go (1.6 to 1.8) and bridges.go (since 1.9), at the versions that <see cref="Versions"/> names.
/// </summary>
public sealed class PayloadSpecs
{
    private const string First = "Bridges HotpluggedVCPUs HotpluggedMemory UUID HotplugVFIOOnRootBus";
    private const string Third = "UUID HotPlugVFIO Bridges HotpluggedVCPUs HotpluggedMemory VirtiofsDaemonPid HotplugVFIO ColdPlugVFIO";
    private const string Bridge = "Devices ID Addr Type MaxCapacity";

    /// <summary>Not of Kata's: for clients that are patched to reach their agent.</summary>
    private const string Ours = "ContextID AgentURL";

    private static readonly VmId Id = new("6f1c1f9e-7a0b-4d53-9c1e-0d5f3b8a2c41");

    private static readonly KataShape Shape = new()
    {
        Share = SharedFileSystem.VirtioFs, Transport = AgentTransport.Vsock, HotPlugVfio = "root-port", RootPorts = 2,
    };

    public static TheoryData<KataTarget, string> Golden => new()
    {
        { KataTarget.Kata113, "1.6-1.13" }, { KataTarget.Union, "2.0-4.1" },
        { KataTarget.Kata25, "2.4-3.1" },
        { KataTarget.Kata35, "3.2-3.5" },
        { KataTarget.Kata41, "3.6-4.1" },
    };

    /// <summary>The fields of QemuState and of its bridges, as the source of each version has them.</summary>
    public static TheoryData<string, KataTarget, string, string> Versions => new()
    {
        { "1.6.0 to 1.8.5", KataTarget.Kata113, First, "Address Type ID Addr" },
        { "1.9.7 to 1.10.8", KataTarget.Kata113, First + " VirtiofsdPid", Bridge },
        { "1.11.5 to 1.13.0", KataTarget.Kata113, First + " VirtiofsdPid PCIeRootPort", Bridge },
        { "2.0.0 to 2.3.3", KataTarget.Union, First + " VirtiofsdPid PCIeRootPort", Bridge },
        { "2.4.0 to 3.1.3", KataTarget.Union, First + " VirtiofsDaemonPid PCIeRootPort", Bridge },
        { "2.4.0 to 3.1.3", KataTarget.Kata25, First + " VirtiofsDaemonPid PCIeRootPort", Bridge },
        { "3.2.0 to 3.5.0", KataTarget.Union, Third, Bridge },
        { "3.2.0 to 3.5.0", KataTarget.Kata35, Third, Bridge },
        { "3.6.0 to 3.32.0", KataTarget.Union, Third + " PCIeRootPort PCIeSwitchPort", Bridge },
        { "3.6.0 to 3.32.0", KataTarget.Kata41, Third + " PCIeRootPort PCIeSwitchPort", Bridge },
        { "4.0.0 to 4.1.0", KataTarget.Union, Third + " PCIeRootPort PCIeSwitchPort", Bridge + " ParentID ParentAddr" },
        { "4.0.0 to 4.1.0", KataTarget.Kata41, Third + " PCIeRootPort PCIeSwitchPort", Bridge + " ParentID ParentAddr" },
    };

    [Theory]
    [MemberData(nameof(Golden))]
    public void Is_as_in_the_golden_file(KataTarget target, string name)
    {
        var actual = Write(target, ShapeOf(target)) + "\n";
        var golden = Path.Combine(Path.GetDirectoryName(Here())!, "golden", name + ".json");
        if (Environment.GetEnvironmentVariable("VMCACHE_UPDATE_GOLDEN") == "1") File.WriteAllText(golden, actual);

        Assert.Equal(File.ReadAllText(golden), actual);
    }

    [Theory]
    [MemberData(nameof(Versions))]
    public void Has_every_field_of_the_version(string version, KataTarget target, string state, string bridge)
    {
        var (sent, bridges) = Fields(target);

        Assert.True(state.Split(' ').All(sent.Contains), $"{version} has {state}; sent is {string.Join(' ', sent)}");
        Assert.True(bridge.Split(' ').All(bridges.Contains), $"{version} has {bridge}; sent is {string.Join(' ', bridges)}");
    }

    [Theory]
    [InlineData(KataTarget.Kata113)]
    [InlineData(KataTarget.Union)]
    [InlineData(KataTarget.Kata25)]
    [InlineData(KataTarget.Kata35)]
    [InlineData(KataTarget.Kata41)]
    public void Has_no_field_that_no_version_of_the_generation_has(KataTarget target)
    {
        var (sent, bridges) = Fields(target);
        var known = Versions.Where(row => (KataTarget)row[1] == target).ToList();

        Assert.Empty(sent.Except(known.SelectMany(row => ((string)row[2]).Split(' '))));
        Assert.Empty(bridges.Except(known.SelectMany(row => ((string)row[3]).Split(' '))));
    }

    /// <summary>1.6 to 1.8 write into Address when they plug a network card: null is a panic of theirs.</summary>
    [Fact]
    public void Gives_the_first_generation_both_names_of_a_bridges_devices() => Assert.Contains(
        """{"Address":{},"Devices":{},"ID":"pci-bridge-0","Addr":2,"Type":"pci","MaxCapacity":30}""", Write(KataTarget.Kata113, Shape),
        StringComparison.Ordinal);

    /// <summary>VMs without vsock and virtio-fs are rendered once, and only their id and paths are put in.</summary>
    [Theory]
    [InlineData(KataTarget.Kata113)]
    [InlineData(KataTarget.Union)]
    [InlineData(KataTarget.Kata25)]
    [InlineData(KataTarget.Kata35)]
    [InlineData(KataTarget.Kata41)]
    public void Has_the_same_fields_when_rendered_once(KataTarget target)
    {
        var plain = Shape with { Share = SharedFileSystem.None, Transport = AgentTransport.VirtioSerial };
        using var alike = JsonDocument.Parse(Write(target, plain));

        Assert.Equal($"/c/{Id}/qmp.sock", alike.RootElement.GetProperty("QmpChannelpath").GetString());
        Assert.Equal(Fields(target).State, alike.RootElement.GetProperty("State").EnumerateObject().Select(f => f.Name));
    }

    private static (IReadOnlyList<string> State, IReadOnlyList<string> Bridge) Fields(KataTarget target)
    {
        using var json = JsonDocument.Parse(Write(target, ShapeOf(target)));
        Assert.Equal(
            ["ID", "QmpChannelpath", "State", "NvdimmCount", "QemuSMP", .. Ours.Split(' ')],
            json.RootElement.EnumerateObject().Select(f => f.Name));
        var state = json.RootElement.GetProperty("State");
        var bridge = state.GetProperty("Bridges")[0];
        return ([.. state.EnumerateObject().Select(f => f.Name)], [.. bridge.EnumerateObject().Select(f => f.Name)]);
    }

    private static KataShape ShapeOf(KataTarget target) => target switch
    {
        KataTarget.Kata113 => Shape with { First = true, HotPlugVfio = "no-port", HotPlugOnRootBus = true },
        KataTarget.Kata41 => Shape with { Firmware = "/usr/share/OVMF.fd", NestedBridges = true },
        _ => Shape,
    };

    private static string Write(KataTarget target, KataShape shape) => GrpcVmFormat.Write(
        new VmFacts(
            Id,
            new VmSpec
            {
                Pool = PoolName.Default, Qemu = "/q", Kernel = "/k", Initrd = "/i", Cpus = 2, MaxCpus = 4, MemoryMiB = 512, Kata = shape,
            },
            new VmPaths(
                $"/r/{Id}", $"/c/{Id}", $"/r/{Id}/supervisor.sock", $"/c/{Id}/qmp.sock",
                shape.Transport == AgentTransport.Vsock ? "vsock://7:1024" : $"/c/{Id}/kata.sock", "/co", "/s"),
            new ProcessIdentity(7, 8), MadeBy.Boot) { FileServerPid = 99 },
        target).Hypervisor.ToStringUtf8();

    private static string Here([CallerFilePath] string path = "") => path;
}
