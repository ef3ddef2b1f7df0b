using VmCacheCluster.Domain;

namespace VmCacheCluster.Hypervisor.Qemu.CommandLine;

/// <summary>QEMU's arguments for one VM: a pure function, pinned by golden files.</summary>
public static class QemuCommandLine
{
    /// <summary>Id of the ring buffer that holds the guest's last serial output.</summary>
    internal const string SerialRing = "serial0";

    /// <summary>Bytes of serial output that are kept.</summary>
    internal const int SerialRingBytes = 64 * 1024;

    /// <summary>
    /// QEMU's default buffer for translated code grows with the host, up to 1 GiB a VM; a buffer of 1 MiB is flushed so
    /// often that a guest starves. Measured: boot and agent fill 50 MiB (8 MiB flush 19 times, 32 MiB once, 64 MiB never);
    /// pages never used cost nothing.
    /// </summary>
    internal const int TranslationBufferMiB = 128;

    /// <summary>What QEMU may not do any more once it runs.</summary>
    internal const string Seccomp = "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny";

    /// <summary>The arguments after the program's name.</summary>
    /// <param name="source">Where guest and memory come from.</param>
    public static IReadOnlyList<string> Build(VmSpec spec, VmPaths paths, VmId id, VmSource source = VmSource.Boot) =>
        spec.Kata is { } shape ? KataCommandLine.Build(spec, shape, paths, id, source) : Own(spec, paths, id, source);

    private static IReadOnlyList<string> Own(VmSpec spec, VmPaths paths, VmId id, VmSource source) =>
    [
        "-name", VmMarker.Of(spec.Pool, paths.Directory), "-uuid", id.Value,
        .. Machine(spec),
        .. Memory(spec, source),
        .. source == VmSource.Clone ? Incoming : Boot(spec),
        .. Image(spec),
        .. source != VmSource.Clone && spec.KernelParameters.Length > 0 ? ["-append", spec.KernelParameters] : Array.Empty<string>(),
        .. Devices(spec, paths),
        .. source == VmSource.Boot ? Array.Empty<string>() : Generation,
        .. Monitors,
        .. Behaviour(spec),
    ];

    private static string[] Machine(VmSpec spec) =>
    [
        "-machine", spec.Machine == MachineType.Q35 ? "q35" : "pc",
        "-accel", spec.Accelerator == Accelerator.Kvm ? "kvm" : $"tcg,tb-size={TranslationBufferMiB}",
        "-cpu", spec.CpuModel.Length > 0 ? spec.CpuModel : spec.Accelerator == Accelerator.Kvm ? "host" : "max",
        "-smp", $"{spec.Cpus},cores=1,threads=1,sockets={spec.MaxCpus},maxcpus={spec.MaxCpus}",
    ];

    /// <summary>The guest is in the memory and the state that follow: it needs no kernel.</summary>
    private static string[] Incoming => ["-incoming", "defer"];

    private static string[] Memory(VmSpec spec, VmSource source) =>
    [
        "-m", spec.MemorySlots == 0 ? $"{spec.MemoryMiB}M" : $"{spec.MemoryMiB}M,slots={spec.MemorySlots},maxmem={spec.MaxMemoryMiB}M",
        "-object", source == VmSource.Boot
            ? $"memory-backend-ram,id=dimm1,size={spec.MemoryMiB}M"
            : $"memory-backend-file,id=dimm1,size={spec.MemoryMiB}M,mem-path={GivenFile.Memory.Path()},share={(source == VmSource.Template ? "on" : "off")}",
        "-numa", "node,memdev=dimm1",
    ];

    private static IEnumerable<string> Boot(VmSpec spec)
    {
        yield return "-kernel";
        yield return GivenFile.Kernel.Path();
        if (spec.Initrd is null) yield break;
        yield return "-initrd";
        yield return GivenFile.Initrd.Path();
    }

    private static IEnumerable<string> Image(VmSpec spec)
    {
        if (spec.Image is null) yield break;
        yield return "-drive";
        yield return $"id=image,file={GivenFile.Image.Path()},format=raw,if=none,readonly=on";
        yield return "-device";
        yield return "virtio-blk-pci,drive=image";
    }

    private static IEnumerable<string> Devices(VmSpec spec, VmPaths paths) =>
    [
        "-object", $"rng-random,id=rng0,filename={Escape(spec.EntropySource)}",
        "-device", "virtio-rng-pci,rng=rng0",
        "-device", "virtio-serial-pci,id=serial-bus",
        "-chardev", Socket("console0", GivenFile.Console),
        "-device", "virtconsole,chardev=console0,id=console",
        .. Agent(spec, paths),
        "-chardev", $"ringbuf,id={SerialRing},size={SerialRingBytes}",
        "-serial", $"chardev:{SerialRing}",
        "-device", spec.Machine == MachineType.Q35 ? "pvpanic-pci" : "pvpanic",
        .. RootPorts(spec),
    ];

    /// <summary>Where the agent is reached: over vsock it has no port, for a port nobody uses would still be in every template.</summary>
    private static string[] Agent(VmSpec spec, VmPaths paths) => spec.HasVsock
        ? ["-device", $"vhost-vsock-pci,id=vsock,vhostfd={(int)GivenFile.Vsock},guest-cid={VsockAddress.OwnContextId(paths)}"]
        :
        [
            "-chardev", Socket("agent0", GivenFile.Agent),
            "-device", "virtserialport,chardev=agent0,id=agent,name=agent.channel.0",
        ];

    /// <summary>
    /// Another identifier than the template's tells a guest's kernel that knows the device (Linux from 5.18, with CONFIG_VMGENID)
    /// that it is a copy, and it seeds its random number generator anew before anybody asks it. The embedded guest's
    /// kernel does not know it: priming does that there.
    /// </summary>
    internal static string[] Generation => ["-device", "vmgenid,guid=auto"];

    private static IEnumerable<string> RootPorts(VmSpec spec)
    {
        if (spec.Machine != MachineType.Q35) yield break;
        for (var port = 0; port < spec.RootPorts; port++)
        {
            yield return "-device";
            yield return $"pcie-root-port,id=rp{port},bus=pcie.0,chassis={port + 1},slot={port + 1}";
        }
    }

    private static string[] Monitors =>
    [
        "-chardev", Socket("supervisor", GivenFile.Supervisor), "-mon", "chardev=supervisor,mode=control",
        "-chardev", Socket("qmp", GivenFile.Qmp), "-mon", "chardev=qmp,mode=control",
    ];

    private static string Socket(string id, GivenFile file) => $"socket,id={id},fd={(int)file},server=on,wait=off";

    /// <summary>
    /// -no-shutdown holds only until the VM is warm: so that the serial output of a boot that failed can be read.
    /// </summary>
    private static IEnumerable<string> Behaviour(VmSpec spec) =>
    [
        "-rtc", "base=utc,driftfix=slew,clock=host",
        "-nodefaults", "-no-user-config", "-nographic", "-vga", "none",
        "-no-reboot", "-no-shutdown",
        .. spec.Sandbox ? ["-sandbox", Seccomp] : Array.Empty<string>(),
    ];

    /// <summary>In option lists a comma ends a value; doubled it stands for itself.</summary>
    internal static string Escape(string value) => value.Replace(",", ",,", StringComparison.Ordinal);
}
