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
    public void Tells_who_multiplexes(string more, string proxy, bool longLived)
    {
        var config = Read(Qemu + more).Configuration!.Vm.ToGrpc(KataTarget.Kata113);

        Assert.EndsWith(proxy + "}", config.Data.ToStringUtf8(), StringComparison.Ordinal);
        Assert.Contains($"\"LongLiveConn\":{(longLived ? "true" : "false")}", config.AgentConfig.ToStringUtf8(), StringComparison.Ordinal);
    }

    [Fact]
    public void Tells_of_hyperstart_and_makes_no_vm_of_it()
    {
        var vm = Read(Qemu + "[agent.hyperstart]").Configuration!.Vm;

        Assert.Equal("{\"SockCtlName\":\"\",\"SockTtyName\":\"\"}", vm.ToGrpc(KataTarget.Kata113).AgentConfig.ToStringUtf8());
        Assert.Contains("\"AgentType\":\"hyperstart\",\"AgentConfig\":{\"SockCtlName\":\"\",\"SockTtyName\":\"\"}", vm.ToGrpc(KataTarget.Kata113).Data.ToStringUtf8(), StringComparison.Ordinal);
        Assert.Equal("agent.hyperstart", Assert.Single(KataPool.Unserved(vm)).Key);
    }

    [Fact]
    public void Refuses_any_other_agent_in_its_own_words()
        => Assert.Equal("agent type noop is not supported by VM cache", Assert.Single(Read(Qemu + "[agent.noop]").Faults).Text);

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

    private static KataConfigurationResult Read(string toml) => new KataConfigurationReader(VectorHost.With(toml, cpus: 2), target: KataTarget.Kata113).Read(VectorHost.File);
}
