using VmCacheCluster.Domain;

namespace VmCacheCluster.Hypervisor.Qemu.CommandLine;

/// <summary>
/// QEMU's arguments for a VM of Kata's shape, in the order of Kata's runtime and with its ids, so that its client finds and plugs what
/// it knows. A pure function; in what it differs from Kata's on purpose is a list in its tests, and in docs/kata.md.
/// </summary>
internal static class KataCommandLine
{
    /// <summary>Beyond the host's memory: an image that is mapped as memory takes addresses too.</summary>
    private const int ImageWindowMiB = 1024;

    /// <summary>Above what ports for VFIO devices are given.</summary>
    private const int NestedBridgeChassis = 16;

    private const string ShareTag = "kataShared";
    private const string Share9P = "extra-9p-" + ShareTag;

    public static IReadOnlyList<string> Build(VmSpec spec, KataShape shape, VmPaths paths, VmId id, VmSource source)
    {
        var devices = new KataDevices(shape, paths);
        return
        [
            "-name", $"sandbox-{id.Value},debug-threads=on", "-uuid", id.Value,
            .. Machine(spec, shape),
            "-cpu", Cpu(spec, shape),
            .. Monitors(shape, paths),
            "-m", Memory(spec),
            .. Bridges(shape),
            .. devices.Console(),
            .. devices.Image(spec, id),
            .. shape.Iommu ? ["-device", "intel-iommu,intremap=on,device-iotlb=on,caching-mode=on"] : Array.Empty<string>(),
            "-device", shape.Machine is KataMachine.Q35 or KataMachine.Virt ? "pvpanic-pci" : "pvpanic", "-no-shutdown",
            .. devices.Scsi(id),
            .. devices.Random(spec.EntropySource),
            .. shape.FreePageReporting ? devices.Balloon() : [],
            .. Ports(shape),
            .. devices.Agent(),
            .. Share(shape, paths, devices),
            .. source == VmSource.Boot ? Array.Empty<string>() : QemuCommandLine.Generation,
            "-rtc", "base=utc,driftfix=slew,clock=host",
            "-global", "kvm-pit.lost_tick_policy=discard",
            .. KataShape.Lines(shape.Flashes).SelectMany(flash => new[] { "-pflash", flash }),
            "-vga", "none",
            "-no-user-config", "-nodefaults", "-nographic", "--no-reboot",
            .. Backend(spec, shape, source),
            .. Kernel(spec, source),
            .. shape.Firmware.Length > 0 ? ["-bios", shape.Firmware] : Array.Empty<string>(),
            .. shape.Scsi && shape.IoThread ? ["-object", $"iothread,id={devices.IoThread(id)}"] : Array.Empty<string>(),
            .. source == VmSource.Clone ? ["-incoming", "defer"] : Array.Empty<string>(),
            "-pidfile", QemuPaths.PidFile(paths),
            .. Sandbox(spec, shape),
            "-smp", $"{spec.Cpus},cores=1,threads=1,sockets={spec.MaxCpus},maxcpus={spec.MaxCpus}",
        ];
    }

    private static string[] Machine(VmSpec spec, KataShape shape)
    {
        var name = shape.Machine.ToString().ToLowerInvariant();
        var options = string.Concat(
            shape.Image == ImageDevice.Nvdimm && spec.Image is not null ? ",nvdimm=on" : "",
            shape.MachineAccelerators.Length > 0 ? "," + shape.MachineAccelerators : "");
        return spec.Accelerator == Accelerator.Kvm
            ? ["-machine", $"{name},accel=kvm{(shape.Iommu ? ",kernel_irqchip=split" : shape.First ? ",kernel_irqchip=on" : "")}{options}"]
            : ["-machine", name + options, "-accel", $"tcg,tb-size={QemuCommandLine.TranslationBufferMiB}"];
    }

    /// <summary>Kata's has a comma in any case.</summary>
    private static string Cpu(VmSpec spec, KataShape shape) =>
        spec.Accelerator == Accelerator.Kvm ? $"host,{shape.CpuFeatures}"
        : shape.CpuFeatures.Length > 0 ? $"max,{shape.CpuFeatures}" : "max";

    private static IEnumerable<string> Monitors(KataShape shape, VmPaths paths)
    {
        yield return "-qmp";
        yield return $"unix:{QemuCommandLine.Escape(paths.Qmp)},server=on,wait=off";
        yield return "-qmp";
        yield return $"unix:{QemuCommandLine.Escape(paths.Supervisor)},server=on,wait=off";
        if (shape.ExtraMonitor.Length == 0) yield break;
        yield return shape.ExtraMonitor == "hmp" ? "-monitor" : "-" + shape.ExtraMonitor;
        yield return $"unix:path={QemuCommandLine.Escape(Path.Combine(paths.ClientDirectory, "extra-monitor.sock"))},server=on,wait=off";
    }

    private static string Memory(VmSpec spec) =>
        $"{spec.MemoryMiB}M{(spec.MemorySlots > 0 ? $",slots={spec.MemorySlots}" : "")},maxmem={spec.MaxMemoryMiB + ImageWindowMiB}M";

    private static IEnumerable<string> Bridges(KataShape shape)
    {
        for (var i = 0; i < KataBridges.Count(shape); i++)
        {
            var address = KataBridges.FirstAddress + i;
            yield return "-device";
            if (shape.NestedBridges)
            {
                yield return $"pcie-root-port,id=rp-pci-bridge-{i},bus=pcie.0,chassis={NestedBridgeChassis + i},slot=0,addr={address:x},multifunction=off,"
                    + "bus-reserve=0x1,pref64-reserve=1m,mem-reserve=1m,io-reserve=4k";
                yield return "-device";
                yield return $"pcie-pci-bridge,bus=rp-pci-bridge-{i},id=pci-bridge-{i}";
            }
            else
            {
                var head = $"pci-bridge,bus={(shape.Machine == KataMachine.Pc ? "pci.0" : "pcie.0")},id=pci-bridge-{i},chassis_nr={i + 1}";
                yield return shape.First
                    ? $"{head},shpc=on,addr={address:x},romfile="
                    : $"{head},shpc=off,addr={address:x},io-reserve=4k,mem-reserve=1m,pref64-reserve=1m";
            }
        }
    }

    /// <summary>For VFIO devices, which no other port takes.</summary>
    private static IEnumerable<string> Ports(KataShape shape)
    {
        if (shape.Machine is not (KataMachine.Q35 or KataMachine.Virt)) yield break;
        // Kata 1.x makes them wherever they are asked for.
        if (shape.First || shape.HotPlugVfio == "root-port" || shape.ColdPlugVfio == "root-port")
        {
            for (var i = 0; i < shape.RootPorts; i++)
            {
                yield return "-device";
                yield return $"pcie-root-port,id=rp{i},bus=pcie.0,chassis=0,slot={i},multifunction=off";
            }
        }
        else if ((shape.HotPlugVfio == "switch-port" || shape.ColdPlugVfio == "switch-port") && shape.SwitchPorts > 0)
        {
            yield return "-device";
            yield return "pcie-root-port,id=rp0,bus=pcie.0,chassis=0,slot=0,multifunction=off";
            yield return "-device";
            yield return "x3130-upstream,id=swup0,bus=rp0";
            for (var i = 0; i < shape.SwitchPorts; i++)
            {
                yield return "-device";
                yield return $"xio3130-downstream,id=swdp{i},bus=swup0,chassis=0,slot={i + 1}";
            }
        }
    }

    private static IEnumerable<string> Share(KataShape shape, VmPaths paths, KataDevices devices)
    {
        if (shape.Share == SharedFileSystem.Virtio9P)
        {
            yield return "-device";
            yield return devices.Virtio("virtio-9p", $"fsdev={Share9P},mount_tag={ShareTag}");
            yield return "-fsdev";
            yield return $"local,id={Share9P},path={QemuCommandLine.Escape(paths.Share)},security_model=none,multidevs=remap";
        }
        else if (shape.Share == SharedFileSystem.VirtioFs)
        {
            yield return "-chardev";
            yield return $"socket,id=char-fs0,path={QemuCommandLine.Escape(QemuPaths.VirtioFs(paths))}";
            yield return "-device";
            yield return $"vhost-user-fs-{devices.Bus},chardev=char-fs0,tag={ShareTag},queue-size={(shape.VirtioFsQueue > 0 ? shape.VirtioFsQueue : 1024)}"
                + (shape.VirtioFsCacheMiB > 0 ? $",cache-size={shape.VirtioFsCacheMiB}M" : "") + devices.NoRom;
        }
    }

    private static IEnumerable<string> Backend(VmSpec spec, KataShape shape, VmSource source)
    {
        yield return "-object";
        var size = $"id=dimm1,size={spec.MemoryMiB}M";
        yield return source != VmSource.Boot
            ? $"memory-backend-file,{size},mem-path={GivenFile.Memory.Path()},share={(source == VmSource.Template ? "on" : "off")}"
            : (shape.HugePages ? $"memory-backend-file,{size},mem-path=/dev/hugepages"
                : shape.MemoryDirectory.Length > 0 ? $"memory-backend-file,{size},mem-path={QemuCommandLine.Escape(shape.MemoryDirectory)}"
                : $"memory-backend-ram,{size}")
                + (shape.SharedMemory || shape.MemoryDirectory.Length > 0 ? ",share=on" : "") + (shape.Prealloc ? ",prealloc=on" : "");
        yield return shape.Machine == KataMachine.Microvm ? "-machine" : "-numa";
        yield return shape.Machine == KataMachine.Microvm ? "memory-backend=dimm1" : "node,memdev=dimm1";
    }

    /// <summary>A clone's kernel is in its memory.</summary>
    private static IEnumerable<string> Kernel(VmSpec spec, VmSource source)
    {
        if (source == VmSource.Clone) yield break;
        yield return "-kernel";
        yield return spec.Kernel;
        if (spec.Initrd is { } initrd)
        {
            yield return "-initrd";
            yield return initrd;
        }

        yield return "-append";
        yield return spec.KernelParameters;
    }

    private static string[] Sandbox(VmSpec spec, KataShape shape) =>
        shape.Seccomp.Length > 0 ? ["-sandbox", shape.Seccomp] : spec.Sandbox ? ["-sandbox", QemuCommandLine.Seccomp] : [];
}
