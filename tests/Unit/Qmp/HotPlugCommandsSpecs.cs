using System.Buffers;
using System.Text;
using System.Text.Json;
using VmCacheCluster.Qmp;

namespace VmCacheCluster.Tests.Unit.Qmp;

public sealed class HotPlugCommandsSpecs
{
    private const string Slots = """
        [{"props":{"core-id":0,"thread-id":0,"socket-id":2},"vcpus-count":1,"type":"max-x86_64-cpu"},
         {"props":{"core-id":0,"thread-id":0,"socket-id":1},"vcpus-count":1,"type":"max-x86_64-cpu"},
         {"props":{"core-id":0,"thread-id":0,"socket-id":0},"vcpus-count":1,"qom-path":"/machine/unattached/device[0]","type":"max-x86_64-cpu"}]
        """;

    [Fact]
    public void Takes_the_free_slots_in_the_guests_order()
    {
        var free = HotPlugCommands.FreeCpuSlots(Json(Slots));

        Assert.Equal([1, 2], free.Select(s => s.GetProperty("props").GetProperty("socket-id").GetInt32()));
        Assert.Equal(
            """{"driver":"max-x86_64-cpu","id":"cpu-1","core-id":0,"thread-id":0,"socket-id":1}""", Text(HotPlugCommands.Cpu(free[0], "cpu-1")));
    }

    [Theory]
    [InlineData("{}")]
    [InlineData("[1]")]
    [InlineData("""[{"type":"x"}]""")]
    [InlineData("""[{"props":{}}]""")]
    public void Refuses_what_is_no_list_of_slots(string answer) => Assert.Throws<FormatException>(() => HotPlugCommands.FreeCpuSlots(Json(answer)));

    [Fact]
    public void Says_what_memory_to_plug()
    {
        Assert.Equal("""{"qom-type":"memory-backend-ram","id":"mem-3","size":4294967296}""", Text(HotPlugCommands.Memory(3, 4096)));
        Assert.Equal("""{"driver":"pc-dimm","id":"dimm-3","memdev":"mem-3"}""", Text(HotPlugCommands.Dimm(3)));
        Assert.Equal("""{"id":"mem-3"}""", Text(HotPlugCommands.NoMemory(3)));
    }

    [Theory]
    [InlineData("[]", 1)]
    [InlineData("""[{"id":"ram"},{"id":"mem-2"},{"id":"mem-x"},{"size":1}]""", 3)]
    public void Numbers_memory_past_all_that_is_there(string answer, int number) => Assert.Equal(number, HotPlugCommands.NextMemory(Json(answer)));

    [Theory]
    [InlineData(1, 128, 128)]
    [InlineData(128, 128, 128)]
    [InlineData(129, 128, 256)]
    [InlineData(100, 0, 100)]
    [InlineData(0, 128, 0)]
    public void Rounds_memory_up_to_whole_blocks(int mebibytes, int block, int whole) => Assert.Equal(whole, HotPlugCommands.WholeBlocks(mebibytes, block));

    private static JsonElement Json(string text) => JsonDocument.Parse(text).RootElement;

    private static string Text(Action<Utf8JsonWriter> arguments)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            arguments(json);
            json.WriteEndObject();
        }

        return Encoding.UTF8.GetString(buffer.WrittenSpan);
    }
}
