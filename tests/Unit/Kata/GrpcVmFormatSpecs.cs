using Google.Protobuf;
using VmCacheCluster.Domain;
using VmCacheCluster.Kata;
using VmCacheCluster.Kata.Wire;
using VmCacheCluster.Tests.TestSupport;
using Xunit;

namespace VmCacheCluster.Tests.Unit.Kata;

public class GrpcVmFormatSpecs
{
    private static readonly VmId Id = VmId.New();

    private static VmSpec OnKata => new()
    {
        Pool = PoolName.Default, Qemu = "/q", Kernel = "/k", Cpus = 1, MemoryMiB = 256, Kata = new KataShape { Image = ImageDevice.Nvdimm },
    };

    private static GrpcVM Written() => GrpcVmFormat.Write(new VmFacts(
        Id,
        new VmSpec { Pool = PoolName.Default, Qemu = "/q", Kernel = "/k", Initrd = "/i", Cpus = 2, MaxCpus = 4, MemoryMiB = 512 },
        new VmPaths($"/r/{Id}", $"/c/{Id}", $"/r/{Id}/supervisor.sock", $"/c/{Id}/qmp.sock", "/a", "/co", "/s"),
        new ProcessIdentity(7, 8), MadeBy.Boot));

    [Fact]
    public void Tells_the_client_what_it_needs_when_a_vm_is_written()
    {
        var read = GrpcVmFormat.Read(GrpcVM.Parser.ParseFrom(Written().ToByteArray()));
        Assert.Equal(
            (Id, $"/c/{Id}/qmp.sock", $"/c/{Id}", 2, 512),
            (read.Id, read.Qmp, read.ClientDirectory, read.Cpus, read.MemoryMiB));
        Assert.Equal(new KataSmp { CPUs = 2, Cores = 1, Threads = 1, Sockets = 4, MaxCPUs = 4 }, read.Hypervisor.QemuSMP);
    }

    [Fact]
    public void Tells_each_vm_its_own_values_when_vms_are_alike_but_for_image_bus_and_file_server()
    {
        var told = (
            from image in new[] { null, "/image" }
            from agent in new[] { "/a", "vsock://7:1024", "vsock://8:1024" }
            from fileServer in new[] { 0, 41, 42 }
            select (Image: image, Agent: agent, FileServer: fileServer)).Select(vm =>
        {
            var id = VmId.New();
            var facts = new VmFacts(
                id, OnKata with { Image = vm.Image, Initrd = vm.Image is null ? "/i" : "" },
                new VmPaths($"/r/{id}", $"/c/{id}", "/s.sock", $"/c/{id}/qmp.sock", vm.Agent, "/co", "/s"), new ProcessIdentity(7, 8), MadeBy.Boot)
            {
                FileServerPid = vm.FileServer,
            };
            var read = GrpcVmFormat.Read(GrpcVmFormat.Write(facts)).Hypervisor;
            return (vm, id, read);
        }).ToList();

        Assert.All(told, t => Assert.Equal(
            (t.id.Value, t.id.Value, t.vm.Image is null ? 0 : 1, t.vm.FileServer, t.vm.FileServer, VsockAddress.ContextId(t.vm.Agent), t.vm.Agent.Contains(':') ? t.vm.Agent : "unix:///a"),
            (t.read.ID, t.read.State.UUID, t.read.NvdimmCount, t.read.State.VirtiofsDaemonPid, t.read.State.VirtiofsdPid!.Value, t.read.ContextID, t.read.AgentURL)));
    }

    [Fact]
    public void Tells_the_client_the_vsock_address_of_a_vm_of_our_own_layout()
    {
        var vm = new VmFacts(
            Id, new VmSpec { Pool = PoolName.Default, Qemu = "/q", Kernel = "/k", Initrd = "/i", Transport = AgentTransport.Vsock },
            new VmPaths($"/r/{Id}", $"/c/{Id}", $"/r/{Id}/supervisor.sock", $"/c/{Id}/qmp.sock", VsockAddress.Of(4711), "/co", "/s"),
            new ProcessIdentity(7, 8), MadeBy.Clone);

        var read = GrpcVmFormat.Read(GrpcVmFormat.Write(vm));

        Assert.Equal((4711u, "vsock://4711:1024", "vsock://4711:1024"), (read.Hypervisor.ContextID, read.Hypervisor.AgentURL, read.Agent));
    }

    [Theory]
    [InlineData("../../etc", null, "no VM id")]
    [InlineData(null, "", "JSON")]
    [InlineData(null, "{}", "not absolute")]
    [InlineData(null, """{"QmpChannelpath":"/c/qmp.sock","ID":"x"}""", "another VM")]
    public void Refuses_a_message_when_it_is_not_ours(string? id, string? hypervisor, string reason)
    {
        var message = Written();
        if (id is not null) message.Id = id;
        if (hypervisor is not null) message.Hypervisor = ByteString.CopyFromUtf8(hypervisor);
        Assert.Contains(reason, Assert.Throws<KataFormatException>(() => GrpcVmFormat.Read(message)).Message);
    }

    [SkippableFact]
    public void Has_katas_wire_numbers_when_a_recorded_message_is_read()
    {
        var vm = GrpcVM.Parser.ParseFrom(Vectors.Read("grpcvm/GrpcVM-hotplugged.bin"));
        var read = GrpcVmFormat.Read(vm);
        Assert.Equal((4, 3072, 2u, 1024), (read.Cpus, read.MemoryMiB, vm.CpuDelta, read.Hypervisor.State.HotpluggedMemory));
    }
}
