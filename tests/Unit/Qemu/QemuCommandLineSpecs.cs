using System.Runtime.CompilerServices;
using VmCacheCluster.Domain;
using VmCacheCluster.Hypervisor.Qemu;
using VmCacheCluster.Hypervisor.Qemu.CommandLine;
using Xunit;

namespace VmCacheCluster.Tests.Unit.Qemu;

/// <summary>
/// The command line against golden files, one argument a line. VMCACHE_UPDATE_GOLDEN=1 writes them anew; read the diff.
/// </summary>
public sealed class QemuCommandLineSpecs
{
    private static readonly VmId Id = new("00000000-0000-4000-8000-000000000001");

    private static readonly VmSpec Plain = new()
    {
        Pool = PoolName.Default,
        Qemu = "/usr/bin/qemu-system-x86_64",
        Kernel = "/boot/vmlinuz",
        Initrd = "/boot/initrd.img",
        KernelParameters = "console=hvc0 quiet panic=-1",
    };

    private static readonly Dictionary<string, VmSpec> Specs = new()
    {
        ["q35-tcg-initrd"] = Plain,
        ["q35-kvm-image"] = Plain with { Accelerator = Accelerator.Kvm, Initrd = null, Image = "/var/lib/images/kata,v2.img" },
        ["pc-tcg-initrd"] = Plain with { Machine = MachineType.Pc },
        ["pc-kvm-cpu-model"] = Plain with { Machine = MachineType.Pc, Accelerator = Accelerator.Kvm, CpuModel = "host,pmu=off" },
        ["q35-hotplug"] = Plain with { Cpus = 2, MaxCpus = 8, MemoryMiB = 512, MemorySlots = 4, MaxMemoryMiB = 4096 },
        ["q35-template"] = Plain with { MaxCpus = 4, MemorySlots = 4, MaxMemoryMiB = 4096 },
        ["q35-clone"] = Plain with { MaxCpus = 4, MemorySlots = 4, MaxMemoryMiB = 4096 },
        ["q35-vsock"] = Plain with { Transport = AgentTransport.Vsock },
        ["q35-vsock-clone"] = Plain with { Transport = AgentTransport.Vsock },
        ["q35-bare"] = Plain with { RootPorts = 0, Sandbox = false, KernelParameters = "", EntropySource = "/dev/random" },
    };

    private static readonly Dictionary<string, VmSource> Sources = new() { ["q35-template"] = VmSource.Template, ["q35-clone"] = VmSource.Clone, ["q35-vsock-clone"] = VmSource.Clone };

    public static TheoryData<string> Names => [.. Specs.Keys];

    [Theory]
    [MemberData(nameof(Names))]
    public void Is_as_in_the_golden_file(string name)
    {
        var paths = QemuPaths.For("/run/vmcache", "/run/vc/vm", Id);
        if (Specs[name].HasVsock) paths = paths with { Agent = VsockAddress.Of(4711) };
        var actual = string.Join('\n', QemuCommandLine.Build(Specs[name], paths, Id, Sources.GetValueOrDefault(name))) + "\n";
        var golden = Path.Combine(Path.GetDirectoryName(Here())!, "golden", name + ".args");
        if (Environment.GetEnvironmentVariable("VMCACHE_UPDATE_GOLDEN") == "1") File.WriteAllText(golden, actual);

        Assert.Equal(File.ReadAllText(golden), actual);
    }

    [Fact]
    public void Doubles_commas_in_paths()
    {
        var arguments = QemuCommandLine.Build(Plain, QemuPaths.For("/run/a,b", "/run/c,d", Id), Id);

        Assert.Contains(arguments, argument => argument.StartsWith("vmcache-default:/run/a,,b/vm/", StringComparison.Ordinal));
        Assert.DoesNotContain(arguments, argument => argument.Contains("a,b", StringComparison.Ordinal));
    }

    private static string Here([CallerFilePath] string path = "") => path;
}
