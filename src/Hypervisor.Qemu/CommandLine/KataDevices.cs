using VmCacheCluster.Domain;

namespace VmCacheCluster.Hypervisor.Qemu.CommandLine;

/// <summary>Kata's virtio devices, on the bus that the machine has.</summary>
internal sealed class KataDevices(KataShape shape, VmPaths paths)
{
    /// <summary>Kata's name of the host's end of the agent's port.</summary>
    public const string AgentChardev = "charch0";

    /// <summary>What virtio devices are called after: a microvm has no PCI.</summary>
    public string Bus => shape.Machine == KataMachine.Microvm ? "device" : "pci";

    /// <summary>Kata 1.x keeps option ROMs out.</summary>
    public string NoRom => shape.First && Bus == "pci" ? ",romfile=" : "";

    private string Modern => Bus == "device" ? "" : shape.First && !shape.Nested ? "" : $",disable-modern={(shape.Nested ? "true" : "false")}";

    /// <param name="name">Without its bus.</param>
    /// <param name="then">Its properties.</param>
    public string Virtio(string name, string then) => $"{name}-{Bus}{Modern},{then}{NoRom}";

    /// <summary>The guest's last output is kept for diagnosis where the console is not a serial port itself.</summary>
    public IReadOnlyList<string> Console()
    {
        var socket = $"socket,id=charconsole0,path={QemuCommandLine.Escape(paths.Console)},server=on,wait=off";
        var bus = Virtio("virtio-serial", "id=serial0") + (shape.First ? ",max_ports=2" : "");
        // The agent's port is on the same bus.
        string[] virtio = shape.LegacySerial && shape.Transport == AgentTransport.Vsock ? [] : ["-device", bus];
        return shape.LegacySerial
            ? [.. virtio, "-serial", "chardev:charconsole0", "-chardev", socket]
            : [
                .. virtio, "-device", "virtconsole,chardev=charconsole0,id=console0", "-chardev", socket,
                "-chardev", $"ringbuf,id={QemuCommandLine.SerialRing},size={QemuCommandLine.SerialRingBytes}", "-serial", $"chardev:{QemuCommandLine.SerialRing}",
            ];
    }

    public IReadOnlyList<string> Image(VmSpec spec, VmId id)
    {
        if (spec.Image is not { } image) return [];
        var file = QemuCommandLine.Escape(image);
        if (shape.Image == ImageDevice.Nvdimm)
        {
            return
            [
                "-device", "nvdimm,id=nv0,memdev=mem0,unarmed=on",
                "-object", $"memory-backend-file,id=mem0,mem-path={file},size={shape.ImageBytes},readonly=on",
            ];
        }

        var drive = "image-" + Own(id);
        return
        [
            "-device", Virtio("virtio-blk", $"drive={drive},scsi=off,config-wce=off,share-rw=on,serial={drive}"),
            "-drive", $"id={drive},file={file},aio=threads,format=raw,if=none,readonly=on",
        ];
    }

    public IReadOnlyList<string> Scsi(VmId id)
    {
        if (!shape.Scsi) return [];
        // Here Kata has the id before the rest.
        return ["-device", $"virtio-scsi-{Bus},id=scsi0{Modern}{(shape.IoThread ? ",iothread=" + IoThread(id) : "")}{NoRom}"];
    }

    public string IoThread(VmId id) => "iothread-" + Own(id);

    public IReadOnlyList<string> Random(string source) =>
        ["-object", $"rng-random,id=rng0,filename={QemuCommandLine.Escape(source)}", "-device", $"virtio-rng-{Bus},rng=rng0{NoRom}"];

    public IReadOnlyList<string> Balloon() => ["-device", $"virtio-balloon-{Bus},id=balloon0,deflate-on-oom=on,disable-modern=false,free-page-reporting=on"];

    /// <summary>Where the agent is reached.</summary>
    public IReadOnlyList<string> Agent() => shape.Transport == AgentTransport.Vsock
        ? ["-device", $"vhost-vsock-{Bus}{Modern},vhostfd={(int)GivenFile.Vsock},id=vsock-{ContextId},guest-cid={ContextId}"]
        :
        [
            "-device", $"virtserialport,chardev={AgentChardev},id=channel0,name=agent.channel.0",
            "-chardev", $"socket,id={AgentChardev},path={QemuCommandLine.Escape(QemuPaths.AgentPort(paths))},server=on,wait=off",
        ];

    private string ContextId => VsockAddress.OwnContextId(paths);

    /// <summary>Kata has random digits there.</summary>
    private static string Own(VmId id) => id.Value.Replace("-", "", StringComparison.Ordinal)[..16];
}
