using System.Text.Json;
using System.Text.RegularExpressions;
using VmCacheCluster.Domain;
using VmCacheCluster.Hypervisor.Qemu;
using VmCacheCluster.Hypervisor.Qemu.CommandLine;
using VmCacheCluster.Kata;
using VmCacheCluster.Kata.Configuration;
using VmCacheCluster.Tests.Unit.Kata;
using VmCacheCluster.Tests.Unit.Kata.Configuration;
using VmCacheCluster.Tests.TestSupport;
using Xunit;

namespace VmCacheCluster.Tests.Unit.Qemu;

/// <summary>Our arguments against those of Kata 3.5.0 for the same configuration: equal, in order, but for a list of differences that are wanted.</summary>
public sealed class KataCommandLineSpecs
{
    private static readonly VmId Id = new("6f1c1f9e-7a0b-4d53-9c1e-0d5f3b8a2c41");

    private static readonly VmPaths Paths = QemuPaths.For("/run/vmcache", "/run/vc/vm", Id, kata: true) with { Agent = VsockAddress.Of(1234567) };

    /// <summary>What each vector's configuration changes of Kata's default one.</summary>
    private static readonly Dictionary<string, Func<KataHypervisorConfig, KataHypervisorConfig>> Changes = new()
    {
        ["q35-image-virtiofs"] = c => c with { DisableNestingChecks = true },
        ["q35-image-nested"] = c => c,
        ["q35-initrd-none"] = c => Initrd(c) with { SharedFS = "none" },
        ["q35-initrd-9p"] = c => Initrd(c) with { SharedFS = "virtio-9p" },
        ["q35-kata-factory-init"] = c => Initrd(c) with { SharedFS = "none" },
        ["q35-template-from"] = c => Initrd(c) with { SharedFS = "virtio-9p" },
        ["q35-template-tobe"] = c => Initrd(c) with { SharedFS = "virtio-9p" },
        ["q35-blkimage-debug"] = c => c with
        {
            DisableNestingChecks = true, Debug = true, ExtraMonitorSocket = "qmp-pretty", DisableImageNvdimm = true,
            KernelParams =
            [
                .. c.KernelParams!, new("agent.log", "debug"), new("agent.trace", "true"), new("agent.debug_console", ""),
                new("agent.debug_console_vport", "1026"), new("agent.log", "trace"),
            ],
        },
        ["q35-firmware-serial"] = c => c with
        {
            DisableNestingChecks = true, FirmwarePath = "/opt/kata/share/kata-containers/OVMF.fd", LegacySerial = true, RootfsType = "xfs", GuestMemoryDumpPath = "/var/crash/kata",
            PFlash = ["/opt/kata/share/kata-containers/flash0.img", "/opt/kata/share/kata-containers/flash1.img"],
        },
        ["q35-iommu"] = c => c with { DisableNestingChecks = true, IOMMU = true, HotPlugVFIO = "root-port" },
        ["q35-iommu-second"] = c => c with { DisableNestingChecks = true, IOMMU = true, HotPlugVFIO = "root-port" },
        ["q35-seccomp-rootless"] = c => c with { DisableNestingChecks = true, DisableGuestSeLinux = false, SeccompSandbox = "on,obsolete=deny,spawn=deny,resourcecontrol=deny" },
        ["microvm"] = c => c with { DisableNestingChecks = true, HypervisorMachineType = "microvm", DisableImageNvdimm = true, SharedFS = "none" },
        ["virt-image"] = c => c with { DisableNestingChecks = true, HypervisorMachineType = "virt", DisableImageNvdimm = true },
    };

    /// <summary>What is ours on purpose: what Kata has there, what we have, and why.</summary>
    private static readonly Difference[] Wanted =
    [
        new("threads have names, by which the guest's CPU time is told from QEMU's", "-name sandbox-ID", "-name sandbox-ID,debug-threads=on", Unless: "-name sandbox-ID,"),
        new("QEMU makes the socket itself: nobody holds a descriptor for it", "-qmp unix:fd=3,server=on,wait=off", "-qmp unix:DIR/qmp.sock,server=on,wait=off"),
        new("a second monitor is ours for the VM's whole life", null, "-qmp unix:/run/vmcache/vm/ID/supervisor.sock,server=on,wait=off"),
        new("the last output is kept for diagnosis", null, "-chardev ringbuf,id=serial0,size=65536", Unless: "-serial chardev:charconsole0"),
        new("the last output is kept for diagnosis", null, "-serial chardev:serial0", Unless: "-serial chardev:charconsole0"),
        new("a guest that panics is seen", null, "-device pvpanic-pci", Unless: "-device pvpanic", Only: "pcie.0"),
        new("a guest that panics is seen", null, "-device pvpanic", Only: "-machine microvm"),
        new("a guest that panics is seen, on the bus that the machine has", "-device pvpanic", "-device pvpanic-pci", Only: "-device pvpanic"),
        new("a boot that failed is looked at before it ends", null, "-no-shutdown", Unless: "-no-shutdown"),
        new("the record's pid file is out of the client's reach", "-pidfile DIR/pid", "-pidfile /run/vmcache/vm/ID/pid"),
        new("QEMU may not start programs", null, "-sandbox on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny", Unless: "-sandbox"),
        new("descriptors have fixed numbers", "-device vhost-vsock-pci,disable-modern=MODERN,vhostfd=4,id=vsock-CID,guest-cid=CID", "-device vhost-vsock-pci,disable-modern=MODERN,vhostfd=8,id=vsock-CID,guest-cid=CID", Only: "-device vhost-vsock-pci"),
        new("descriptors have fixed numbers", "-device vhost-vsock-device,vhostfd=4,id=vsock-CID,guest-cid=CID", "-device vhost-vsock-device,vhostfd=8,id=vsock-CID,guest-cid=CID", Only: "-device vhost-vsock-device"),
        new("the template's memory is sealed", "-object memory-backend-file,id=dimm1,size=2048M,mem-path=/run/vc/vm/template/memory,share=on", "-object memory-backend-file,id=dimm1,size=2048M,mem-path=/proc/self/fd/3,share=on", Only: "template/memory,share=on"),
        new("the template's memory is sealed", "-object memory-backend-file,id=dimm1,size=2048M,mem-path=/run/vc/vm/template/memory", "-object memory-backend-file,id=dimm1,size=2048M,mem-path=/proc/self/fd/3,share=off", Only: "-incoming"),
        new("a clone is told to a kernel that knows the device", null, "-device vmgenid,guid=auto", Only: "template/memory"),
        new("a clone is not run before its state is there in any case", "-S", null, Only: "-S"),
        new("a root of xfs is mounted with options that xfs knows, as Kata 4 has it", "rootflags=dax,data=ordered,errors=remount-ro ro rootfstype=xfs", "rootflags=dax ro rootfstype=xfs", Only: "rootfstype=xfs"),
        new("a clone's kernel is in its memory", "-kernel *", null, Only: "-incoming"),
        new("a clone's kernel is in its memory", "-initrd *", null, Only: "-incoming"),
        new("a clone's kernel is in its memory", "-append *", null, Only: "-incoming"),
    ];

    public static TheoryData<string> Names => [.. Changes.Keys];

    [SkippableTheory]
    [MemberData(nameof(Names))]
    public void Is_kata_s_but_for_what_is_wanted(string name)
    {
        var theirs = Theirs(name);
        var ours = Ours(name);
        foreach (var difference in Wanted.Where(d => d.Holds(Theirs(name))))
        {
            if (difference.Theirs?.StartsWith("rootflags", StringComparison.Ordinal) == true)
            {
                Replace(theirs, difference.Theirs, difference.Ours!);
                continue;
            }

            if (difference.Theirs is { } gone) Remove(theirs, gone, difference.Why);
            if (difference.Ours is { } added) Remove(ours, added, difference.Why);
        }

        Assert.Equal(string.Join('\n', theirs.Order(StringComparer.Ordinal)), string.Join('\n', ours.Order(StringComparer.Ordinal)));
        Assert.Equal(theirs, ours);
    }

    [SkippableFact]
    public void Has_every_vector_of_a_command_line()
    {
        _ = Vectors.Read("grpcvm/INDEX.json");
        Assert.Equal(Vectors.FilesOf("grpcvm").Where(f => f.StartsWith("cmdline-", StringComparison.Ordinal)).Order(StringComparer.Ordinal), Changes.Keys.Select(n => $"cmdline-{n}.json").Order(StringComparer.Ordinal));
    }

    private static List<string> Theirs(string name)
    {
        var arguments = JsonSerializer.Deserialize<string[]>(Vectors.Read($"grpcvm/cmdline-{name}.json"))!;
        return Items(arguments.Select(a => a
            // Its own server gives relative paths.
            .Replace(name == "q35-kata-factory-init" ? $"={Id.Value}/" : "\0", $"=/run/vc/vm/{Id.Value}/", StringComparison.Ordinal)
            .Replace("0e5b7a52-54a1-4f6e-8f7c-2b8d1c9e4a10", Id.Value, StringComparison.Ordinal)
            // Its list of parameters grows with every VM of a process.
            .Replace("intel_iommu=on iommu=pt intel_iommu=on iommu=pt", "intel_iommu=on iommu=pt", StringComparison.Ordinal))
            .Select(a => name == "q35-kata-factory-init" && a == $"{Id.Value}/pid" ? $"/run/vc/vm/{a}" : a));
    }

    private static List<string> Ours(string name)
    {
        var host = VectorHost.Of("01-default-q35-image");
        var configuration = new KataConfigurationReader(host).Read(VectorHost.File).Configuration!.Vm;
        var changed = configuration with { HypervisorConfig = Changes[name](configuration.HypervisorConfig) };
        var spec = KataPool.Spec(PoolName.Default, changed, AgentTransport.Vsock, VectorHost.Nested(name == "q35-image-nested", host)) with { Accelerator = Accelerator.Kvm };
        var source = name switch { "q35-template-from" => VmSource.Clone, "q35-template-tobe" => VmSource.Template, _ => VmSource.Boot };
        return Items(QemuCommandLine.Build(spec, Paths, Id, source).Select(a => a.Replace("console=ttyS0 console=hvc0", "console=hvc0", StringComparison.Ordinal)));
    }

    /// <summary>Options with their values, instance values masked.</summary>
    private static List<string> Items(IEnumerable<string> arguments)
    {
        var items = new List<string>();
        foreach (var argument in arguments)
        {
            var masked = Regex.Replace(argument, "(char|image)-(RANDOMHEX|fs0|[0-9a-f]{16})", "$1-RANDOM")
                .Replace($"/run/vc/vm/{Id.Value}", "DIR", StringComparison.Ordinal).Replace(Id.Value, "ID", StringComparison.Ordinal)
                .Replace("1234567", "CID", StringComparison.Ordinal);
            if (masked.StartsWith("vhost-vsock", StringComparison.Ordinal)) masked = Regex.Replace(masked, "disable-modern=(true|false)", "disable-modern=MODERN");
            if (items.Count > 0 && !argument.StartsWith('-') && !items[^1].Contains(' ')) items[^1] += " " + masked;
            else items.Add(masked);
        }

        return items;
    }

    private static void Remove(List<string> items, string item, string why)
    {
        var at = items.FindIndex(i => item.EndsWith('*') ? i.StartsWith(item[..^1], StringComparison.Ordinal) : i == item);
        Assert.True(at >= 0, $"missing, though wanted ({why}): {item}\n{string.Join('\n', items)}");
        items.RemoveAt(at);
    }

    private static void Replace(List<string> items, string part, string by)
    {
        var at = items.FindIndex(i => i.Contains(part, StringComparison.Ordinal));
        items[at] = items[at].Replace(part, by, StringComparison.Ordinal);
    }

    private static KataHypervisorConfig Initrd(KataHypervisorConfig config) => config with
    {
        DisableNestingChecks = true, ImagePath = "", InitrdPath = "/opt/kata/share/kata-containers/kata-containers-initrd.img",
        KernelParams = [.. config.KernelParams!.Where(p => !p.Key.StartsWith("systemd.", StringComparison.Ordinal))],
    };

    /// <param name="Theirs">What Kata has there; null: nothing.</param>
    /// <param name="Ours">What we have there; null: nothing.</param>
    /// <param name="Unless">It holds where Kata's have none that begins so.</param>
    /// <param name="Only">It holds where Kata's have one that contains this.</param>
    private sealed record Difference(string Why, string? Theirs, string? Ours, string? Unless = null, string? Only = null)
    {
        public bool Holds(List<string> theirs) =>
            (Unless is null || !theirs.Any(t => t.StartsWith(Unless, StringComparison.Ordinal)))
            && (Only is null || theirs.Any(t => t.Contains(Only, StringComparison.Ordinal)));
    }
}
