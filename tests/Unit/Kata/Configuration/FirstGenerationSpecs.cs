using System.Text;
using VmCacheCluster.Domain;
using VmCacheCluster.Hypervisor.Qemu;
using VmCacheCluster.Hypervisor.Qemu.CommandLine;
using VmCacheCluster.Kata;
using VmCacheCluster.Kata.Configuration;
using VmCacheCluster.Tests.TestSupport;
using Xunit;

namespace VmCacheCluster.Tests.Unit.Kata.Configuration;

/// <summary>Kata 1.13: its configuration.toml, its Config, and the VMs that it makes.</summary>
public sealed class FirstGenerationSpecs
{
    private const string Qemu = "[hypervisor.qemu]\npath = \"/opt/kata/bin/qemu\"\nkernel = \"/opt/kata/share/k\"\ninitrd = \"/opt/kata/share/i\"\ndefault_memory = 256\n";
    private const string Proxy = "[proxy.kata]\npath = \"/opt/kata/kata-proxy\"\n";

    [SkippableFact]
    public void Gives_the_bytes_of_its_own_server()
    {
        var read = Read(Encoding.UTF8.GetString(Vectors.Read("kata-1.x/configuration.toml")));

        Assert.Empty(read.Faults);
        var config = read.Configuration!.Vm.ToGrpc(KataTarget.Kata113);
        Assert.Equal(Encoding.UTF8.GetString(Vectors.Read("kata-1.x/data.json")).TrimEnd('\n'), config.Data.ToStringUtf8());
        Assert.Equal(Encoding.UTF8.GetString(Vectors.Read("kata-1.x/agent.json")).TrimEnd('\n'), config.AgentConfig.ToStringUtf8());
    }

    [Theory]
    [InlineData("[agent.kata]\n[proxy.kata]\npath = \"/opt/kata/kata-proxy\"\nenable_debug = true", "\"ProxyType\":\"kataProxy\",\"ProxyConfig\":{\"Path\":\"/opt/kata/kata-proxy\",\"Debug\":true}", false)]
    [InlineData("[agent.kata]", "\"ProxyType\":\"kataBuiltInProxy\",\"ProxyConfig\":{\"Path\":\"\",\"Debug\":false}", true)]
    [InlineData("use_vsock = true\n[agent.kata]\n[proxy.kata]\npath = \"/opt/kata/kata-proxy\"", "\"ProxyType\":\"noProxy\",\"ProxyConfig\":{\"Path\":\"\",\"Debug\":false}", false)]
    [InlineData("use_vsock = true\n[agent.kata]", "\"ProxyType\":\"noProxy\",\"ProxyConfig\":{\"Path\":\"\",\"Debug\":false}", true)]
    public void Tells_who_multiplexes(string more, string proxy, bool longLived)
    {
        var config = Read(Qemu + more).Configuration!.Vm.ToGrpc(KataTarget.Kata113);

        Assert.EndsWith(proxy + "}", config.Data.ToStringUtf8(), StringComparison.Ordinal);
        Assert.Contains($"\"LongLiveConn\":{(longLived ? "true" : "false")}", config.AgentConfig.ToStringUtf8(), StringComparison.Ordinal);
    }

    /// <summary>What virtcontainers' loader does for a client with a proxy of its own: the agent's table is not read there.</summary>
    [Fact]
    public void Gives_containerds_shim_nothing_of_the_agents_table()
    {
        var vm = Read(
            Qemu + "[agent.kata]\nenable_debug = true\nenable_tracing = true\ntrace_mode = \"static\"\nkernel_modules = [\"e1000e\"]")
            .Configuration!.Vm;

        Assert.Equal(
            """{"LongLiveConn":true,"UseVSock":false,"Debug":false,"Trace":false,"ContainerPipeSize":0,"TraceMode":"","TraceType":"","""
            + "\"KernelModules\":null}",
            vm.ToGrpc(KataTarget.Kata113).AgentConfig.ToStringUtf8());
        Assert.Equal([new KataParam("scsi_mod.scan", "none")], vm.HypervisorConfig.KernelParams);
    }

    [Theory]
    [InlineData("enable_debug = true", "agent.log=debug")]
    [InlineData("enable_tracing = true", "")]
    [InlineData("enable_tracing = true\ntrace_mode = \"static\"", "agent.trace=isolated")]
    [InlineData("enable_tracing = true\ntrace_mode = \"static\"\ntrace_type = \"collated\"", "agent.trace=collated")]
    [InlineData("debug_console_enabled = true\ncdh_api_timeout = 50\ndial_timeout = 45", "")]
    public void Gives_the_kernel_what_this_generations_agent_reads(string agent, string parameters)
    {
        var given = Read(Qemu + $"[agent.kata]\n{agent}\n" + Proxy).Configuration!.Vm.HypervisorConfig.KernelParams!;

        Assert.Equal(parameters, string.Join(' ', given.Skip(1).Select(p => $"{p.Key}={p.Value}")));
    }

    [Fact]
    public void Refuses_a_trace_mode_that_is_none() => Assert.Equal(
        "invalid kata agent trace mode: \"odd\" (need \"dynamic\" or \"static\")",
        Assert.Single(Read(Qemu + "[agent.kata]\nenable_tracing = true\ntrace_mode = \"odd\"\n" + Proxy).Faults).Text);

    [Fact]
    public void Takes_kata_proxy_from_its_usual_place_when_its_table_names_none()
        => Assert.Contains(
            "\"ProxyType\":\"kataProxy\",\"ProxyConfig\":{\"Path\":\"/usr/libexec/kata-containers/kata-proxy\",\"Debug\":true}",
            Read(Qemu + "[agent.kata]\n[proxy.kata]\nenable_debug = true").Configuration!.Vm.ToGrpc(KataTarget.Kata113).Data.ToStringUtf8(),
            StringComparison.Ordinal);

    /// <summary>Later generations refuse such a host.</summary>
    [Fact]
    public void Falls_back_to_virtio_serial_on_a_host_without_vsock()
    {
        var read = Read(Qemu + "use_vsock = true\n[agent.kata]\n" + Proxy, vsock: false);

        Assert.Empty(read.Faults);
        Assert.False(read.Configuration!.Vm.First!.UseVsock);
        var served = read.Configuration.Vm.ToGrpc(KataTarget.Kata113).Data.ToStringUtf8();
        Assert.Contains("\"ProxyType\":\"kataProxy\"", served, StringComparison.Ordinal);
        Assert.Contains(read.Configuration.Warnings, w => w.Contains("/dev/vhost-vsock", StringComparison.Ordinal));
    }

    /// <summary>The agent looks at one transport alone, and it is told which by the kernel's parameters.</summary>
    [Theory]
    [InlineData("use_vsock = true\n", "agent.use_vsock=true")]
    [InlineData("", "agent.use_vsock=false")]
    public void Tells_the_agent_how_it_is_reached(string vsock, string parameter)
    {
        var vm = Read(Qemu + vsock + "[agent.kata]\n" + Proxy).Configuration!.Vm;

        var spec = KataPool.Spec(PoolName.Default, vm, AgentTransport.Vsock, VectorHost.With(""), KataTarget.Kata113);

        Assert.Contains(parameter, spec.KernelParameters.Split(' '));
    }

    /// <summary>Kata 1.x has root ports wherever they are asked for, and no key that says for what.</summary>
    [Fact]
    public void Makes_root_ports_and_tells_where_devices_are_plugged()
    {
        var vm = Read(Qemu + "machine_type = \"q35\"\npcie_root_port = 1\nhotplug_vfio_on_root_bus = true\n" + Proxy).Configuration!.Vm;
        var id = new VmId("6f1c1f9e-7a0b-4d53-9c1e-0d5f3b8a2c41");

        var spec = KataPool.Spec(PoolName.Default, vm, AgentTransport.VirtioSerial, VectorHost.With(""), KataTarget.Kata113);

        Assert.True(spec.Kata!.HotPlugOnRootBus);
        var paths = QemuPaths.For("/run/vmcache", "/run/vc/vm", id, kata: true);
        Assert.Contains(
            "pcie-root-port,id=rp0,bus=pcie.0,chassis=0,slot=0,multifunction=off",
            QemuCommandLine.Build(spec with { Accelerator = Accelerator.Tcg }, paths, id));
    }

    /// <summary>As the loader of 1.13 has them; later ones differ.</summary>
    [Fact]
    public void Has_this_generations_defaults()
    {
        var config = Read(Qemu.Replace("256", "128", StringComparison.Ordinal) + "kernel_params = \"a=\\\"b c\\\" d\"\n" + Proxy)
            .Configuration!.Vm.HypervisorConfig;

        Assert.Equal(("/var/run/kata-containers/vhost-user/", 128u), (config.VhostUserStorePath, config.MemorySize));
        Assert.Equal(["a=\"b", "c\"=", "d="], config.KernelParams!.Skip(1).Select(p => $"{p.Key}={p.Value}"));
        Assert.Equal(
            "Invalid hypervisor shared file system none specified (supported file systems: [virtio-9p virtio-fs])",
            Assert.Single(Read(Qemu + "shared_fs = \"none\"\n" + Proxy).Faults).Text.Split(": ", 2)[1]);
    }

    [Fact]
    public void Tells_of_hyperstart_and_makes_no_vm_of_it()
    {
        var vm = Read(Qemu + "[agent.hyperstart]\n" + Proxy).Configuration!.Vm;

        Assert.Equal("{\"SockCtlName\":\"\",\"SockTtyName\":\"\"}", vm.ToGrpc(KataTarget.Kata113).AgentConfig.ToStringUtf8());
        Assert.Contains(
            "\"AgentType\":\"hyperstart\",\"AgentConfig\":{\"SockCtlName\":\"\",\"SockTtyName\":\"\"}",
            vm.ToGrpc(KataTarget.Kata113).Data.ToStringUtf8(), StringComparison.Ordinal);
        Assert.Equal("agent.hyperstart", Assert.Single(KataPool.Unserved(vm)).Key);
    }

    /// <summary>containerd's shim has one agent, whatever the file says.</summary>
    [Fact]
    public void Refuses_any_other_agent_in_its_own_words()
    {
        Assert.Equal("noop agent type is not supported", Assert.Single(Read(Qemu + "[agent.noop]\n" + Proxy).Faults).Text);
        Assert.Equal("kata", Read(Qemu + "[agent.noop]\n").Configuration!.Vm.First!.AgentType);
    }

    /// <summary>The list in the notes, which has the VM's own values as letters.</summary>
    [Fact]
    public void Makes_the_vms_that_it_makes()
    {
        var vm = Read(Qemu + "cpu_features = \"pmu=off\"\ndefault_maxvcpus = 2\n[agent.kata]\n[proxy.kata]\npath = \"/opt/kata/kata-proxy\"").Configuration!.Vm;
        var id = new VmId("6f1c1f9e-7a0b-4d53-9c1e-0d5f3b8a2c41");
        var host = VectorHost.Nested(true, VectorHost.With(""));
        var spec = KataPool.Spec(PoolName.Default, vm, AgentTransport.VirtioSerial, host, KataTarget.Kata113) with { Accelerator = Accelerator.Kvm };

        var ours = string.Join(' ', QemuCommandLine.Build(spec, QemuPaths.For("/run/vmcache", "/run/vc/vm", id, kata: true), id))
            .Replace("/run/vc/vm/" + id.Value, "D", StringComparison.Ordinal);

        foreach (var part in new[]
        {
            "-machine pc,accel=kvm,kernel_irqchip=on -cpu host,pmu=off", "-m 256M,slots=10,maxmem=9216M",
            "-device pci-bridge,bus=pci.0,id=pci-bridge-0,chassis_nr=1,shpc=on,addr=2,romfile=", "-device virtio-serial-pci,disable-modern=true,id=serial0,romfile=,max_ports=2",
            "-device virtconsole,chardev=charconsole0,id=console0 -chardev socket,id=charconsole0,path=D/console.sock,server=on,wait=off",
            "-device virtio-scsi-pci,id=scsi0,disable-modern=true,romfile= -object rng-random,id=rng0,filename=/dev/urandom -device virtio-rng-pci,rng=rng0,romfile= "
                + "-device virtserialport,chardev=charch0,id=channel0,name=agent.channel.0 -chardev socket,id=charch0,path=D/kata.sock,server=on,wait=off",
            "-device virtio-9p-pci,disable-modern=true,fsdev=extra-9p-kataShared,mount_tag=kataShared,romfile= "
                + "-fsdev local,id=extra-9p-kataShared,path=D/shared,security_model=none,multidevs=remap",
            "-rtc base=utc,driftfix=slew,clock=host -global kvm-pit.lost_tick_policy=discard -vga none -no-user-config -nodefaults -nographic --no-reboot",
            "-object memory-backend-ram,id=dimm1,size=256M -numa node,memdev=dimm1 -kernel /opt/kata/share/k -initrd /opt/kata/share/i -append", "-smp 1,cores=1,threads=1,sockets=2,maxcpus=2",
        })
        {
            Assert.Contains(part, ours, StringComparison.Ordinal);
        }
    }

    private static KataConfigurationResult Read(string toml, bool vsock = true)
        => new KataConfigurationReader(VectorHost.With(toml, cpus: 2, vsock: vsock), target: KataTarget.Kata113).Read(VectorHost.File);
}
