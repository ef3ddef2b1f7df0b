using System.Text;
using VmCacheCluster.Kata;
using VmCacheCluster.Tests.TestSupport;
using Xunit;

namespace VmCacheCluster.Tests.Unit.Kata;

public class KataHypervisorStateSpecs
{
    [SkippableTheory]
    [InlineData("qemu-zero.json")]
    [InlineData("qemu-microvm.json")]
    [InlineData("qemu-pc-typesonly.json")]
    [InlineData("qemu-q35-initrd.json")]
    [InlineData("qemu-q35-image-nvdimm.json")]
    [InlineData("qemu-q35-hotplugvfio.json")]
    [InlineData("qemu-q35-hotplugged.json")]
    [InlineData("qemu-q35-bridge-filled.json")]
    public void Gives_the_same_bytes_again_when_it_read_a_payload_of_kata(string vector)
    {
        var bytes = Vectors.Read("grpcvm/" + vector);
        Assert.Equal(Encoding.UTF8.GetString(bytes), Encoding.UTF8.GetString(KataHypervisorState.Parse(bytes).ToJson()));
    }

    [Theory]
    [InlineData("{}")]
    [InlineData("null")]
    [InlineData("""{"ID":null,"State":null,"QemuSMP":null,"Extra":1,"contextID":null}""")]
    public void Reads_zero_values_when_members_are_missing_or_null(string json) => Assert.Equal(
        """{"ID":"","QmpChannelpath":"","State":{"UUID":"","HotPlugVFIO":"","Bridges":null,"HotpluggedVCPUs":null,"""
        + "\"HotpluggedMemory\":0,\"VirtiofsDaemonPid\":0,\"HotplugVFIO\":\"\",\"ColdPlugVFIO\":\"\"},\"NvdimmCount\":0,"
        + "\"QemuSMP\":{\"CPUs\":0,\"Cores\":0,\"Threads\":0,\"Sockets\":0,\"MaxCPUs\":0}}",
        Encoding.UTF8.GetString(Parse(json).ToJson()));

    [Fact]
    public void Keeps_two_fields_apart_when_only_case_tells_them()
    {
        var state = Parse("""{"State":{"PCIeRootPort":3,"HotplugVFIO":"a","HotPlugVFIO":"b"}}""").State;
        Assert.Equal(("b", "a", 3u), (state.HotPlugVFIO, state.HotplugVFIO, state.PCIeRootPort));
    }

    [Fact]
    public void Sorts_device_addresses_as_text_when_written()
    {
        var json = """{"State":{"Bridges":[{"Devices":{"2":"b","10":"c","1":"a"}}]}}""";
        Assert.Contains("""{"1":"a","10":"c","2":"b"}""", Encoding.UTF8.GetString(Parse(json).ToJson()));
    }

    [Theory]
    [InlineData("")]
    [InlineData("[]")]
    [InlineData("""{"ID":1}""")]
    [InlineData("""{"State":{"HotpluggedMemory":1.5}}""")]
    [InlineData("""{"QemuSMP":{"CPUs":-1}}""")]
    [InlineData("""{"State":{"Bridges":[{"Devices":{"x":"y"}}]}}""")]
    public void Refuses_what_go_refuses_when_parsed(string json) =>
        Assert.NotEmpty(Assert.Throws<KataFormatException>(() => Parse(json)).Message);

    [Fact]
    public void Escapes_as_go_does_when_text_is_awkward()
    {
        var json = Encoding.UTF8.GetString(
            new KataHypervisorState { ID = "<&>'+`\"\\\n\r\t\b\u0001\u2028\u2029\u00e9\U0001f600\u007f" }.ToJson());
        Assert.StartsWith(
            "{\"ID\":\"\\u003c\\u0026\\u003e'+`\\\"\\\\\\n\\r\\t\\u0008\\u0001\\u2028\\u2029\u00e9\U0001f600\u007f\"", json);
    }

    private static KataHypervisorState Parse(string json) => KataHypervisorState.Parse(Encoding.UTF8.GetBytes(json));
}
