using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using VmCacheCluster.Domain;
using VmCacheCluster.Hypervisor.Qemu;
using VmCacheCluster.Hypervisor.Qemu.Records;
using Xunit;

namespace VmCacheCluster.Tests.Unit.Qemu;

public sealed class VmRecordSpecs
{
    private static readonly VmId Id = new("00000000-0000-4000-8000-000000000001");
    private static readonly VmPaths Paths = QemuPaths.For("/run/vmcache", "/run/vc/vm", Id);

    private static readonly VmFacts Facts = new(Id, new VmSpec
    {
        Pool = new PoolName("big"),
        Machine = MachineType.Pc,
        Accelerator = Accelerator.Kvm,
        CpuModel = "host,pmu=off",
        Cpus = 2,
        MaxCpus = 8,
        MemoryMiB = 512,
        MemorySlots = 4,
        MaxMemoryMiB = 4096,
        Qemu = "/usr/bin/qemu",
        Kernel = "/k",
        Image = "/i",
        KernelParameters = "a \"b\" ü",
        EntropySource = "/dev/random",
        RootPorts = 7,
        Sandbox = false,
    }, Paths, new ProcessIdentity(4711, 987654321), MadeBy.Clone);

    private static readonly VmSize Size = new(3, 640);

    [Fact]
    public void Reads_back_what_was_written() => Assert.Equal((Facts, Size, null), Parse(Json(Facts)));

    [Fact]
    public void Ignores_members_of_a_later_daemon() =>
        Assert.Equal((Facts, Size, null), Parse(Json(Facts).Replace("\"version\"", "\"later\": {\"x\": [1]}, \"version\"", StringComparison.Ordinal)));

    [Fact]
    public void Takes_the_size_that_a_vm_was_started_with_when_an_earlier_daemon_recorded_none()
    {
        var earlier = JsonNode.Parse(Json(Facts))!.AsObject();
        Assert.True(earlier.Remove("size"));

        Assert.Equal((Facts, new VmSize(2, 512), null), Parse(earlier.ToJsonString()));
    }

    [Fact]
    public void Reads_back_a_vm_whose_agent_is_on_the_vsock_bus()
    {
        var facts = Facts with { Spec = Facts.Spec with { Transport = AgentTransport.Vsock }, Paths = Paths with { Agent = VsockAddress.Of(4711) } };

        Assert.Equal((facts, Size, null), Parse(Json(facts)));
    }

    [Fact]
    public void Takes_agents_for_reached_over_virtio_serial_when_an_earlier_daemon_recorded_nothing_else()
    {
        var earlier = JsonNode.Parse(Json(Facts))!.AsObject();
        Assert.True(earlier["spec"]!.AsObject().Remove("transport"));

        Assert.Equal((Facts, Size, null), Parse(earlier.ToJsonString()));
    }

    [Theory]
    [InlineData("", "damaged")]
    [InlineData("{", "damaged")]
    [InlineData("[]", "no VM record")]
    [InlineData("{\"version\": 1}", "damaged")]
    [InlineData("{\"version\": 2, \"anything\": true}", "version 2")]
    public void Says_what_is_wrong_with_a_record(string text, string words)
    {
        var (facts, _, problem) = Parse(text);

        Assert.Null(facts);
        Assert.Contains(words, problem, StringComparison.Ordinal);
        Assert.Contains("/vm.json", problem, StringComparison.Ordinal);
    }

    [Fact]
    public void Notices_every_truncation()
    {
        var text = Json(Facts);
        for (var length = 0; length < text.TrimEnd().Length; length++) Assert.NotNull(Parse(text[..length]).Problem);
    }

    [Fact]
    public void Refuses_a_record_that_names_another_vm_or_foreign_directories()
    {
        var other = new VmId("00000000-0000-4000-8000-000000000002");

        Assert.NotNull(VmRecordFile.Parse("/vm.json", Encoding.UTF8.GetBytes(Json(Facts)), other, Paths).Problem);
        Assert.NotNull(Parse(Json(Facts with { Paths = Paths with { Directory = "/etc" } })).Problem);
        Assert.NotNull(Parse(Json(Facts with { Paths = Paths with { ClientDirectory = "/home" } })).Problem);
    }

    private static (VmFacts? Facts, VmSize? Size, string? Problem) Parse(string text) => VmRecordFile.Parse("/run/vm.json", Encoding.UTF8.GetBytes(text), Id, Paths);

    private static string Json(VmFacts facts) => JsonSerializer.Serialize(VmRecord.From(facts, Size), RecordJson.Default.VmRecord);
}
