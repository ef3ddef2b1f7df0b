using System.Text.Json;
using VmCacheCluster.Domain;
using VmCacheCluster.Kata;
using VmCacheCluster.Tests.TestSupport;
using Xunit;

namespace VmCacheCluster.Tests.Unit.Kata;

public class PoolVmConfigSpecs
{
    private static JsonElement Json(byte[] bytes) => JsonDocument.Parse(bytes).RootElement;

    private static Wire Made(string parameters = "console=hvc0 quiet")
    {
        var pool = new PoolOptions
        {
            Name = PoolName.Default,
            Spec = new VmSpec
            {
                Pool = PoolName.Default, Qemu = "/q", Kernel = "/k", Initrd = "/i", Cpus = 2, MaxCpus = 3, MemoryMiB = 300,
                MemorySlots = 2, MaxMemoryMiB = 1024, KernelParameters = parameters,
            },
            VmCacheNumber = 1, GracePeriod = TimeSpan.FromSeconds(1), BootTimeout = TimeSpan.FromSeconds(1), MaxWaiting = 1,
            Lease = new LeaseLimits(TimeSpan.FromMinutes(1), TimeSpan.FromMinutes(1)),
            Backoff = new BackoffOptions(TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(1), 0),
        };
        var message = PoolVmConfig.Of(pool, "/run/vmcache/client").ToGrpc();
        return new Wire(Json(message.Data.ToByteArray()), Json(message.AgentConfig.ToByteArray()));
    }

    private sealed record Wire(JsonElement Data, JsonElement Agent);

    [Fact]
    public void Says_what_the_pools_vms_have_when_written()
    {
        var config = Made().Data.GetProperty("HypervisorConfig");
        Assert.Equal("/k", config.GetProperty("KernelPath").GetString());
        Assert.Equal("/i", config.GetProperty("InitrdPath").GetString());
        Assert.Equal("", config.GetProperty("ImagePath").GetString());
        Assert.Equal("2", config.GetProperty("NumVCPUsF").GetRawText());
        Assert.Equal("3", config.GetProperty("DefaultMaxVCPUs").GetRawText());
        Assert.Equal("300", config.GetProperty("MemorySize").GetRawText());
        Assert.Equal("none", config.GetProperty("SharedFS").GetString());
        Assert.Equal("1", config.GetProperty("HypervisorLoglevel").GetRawText());
        Assert.Equal("sha512", config.GetProperty("MeasurementAlgo").GetString());
        Assert.Equal(
            """[{"Key":"console","Value":"hvc0"},{"Key":"quiet","Value":""}]""",
            config.GetProperty("KernelParams").GetRawText());
    }

    [Fact]
    public void Repeats_the_agents_part_when_written()
    {
        var made = Made();
        Assert.Equal(made.Agent.GetRawText(), made.Data.GetProperty("AgentConfig").GetRawText());
    }

    [SkippableTheory]
    [InlineData("vectors/04-vmcache-initrd-none/data.json")]
    [InlineData("schema/zero-vmconfig-4.1.0.json")]
    [InlineData("schema/superset-example-data.json")]
    public void Has_every_field_with_its_type_when_compared_with_kata(string vector)
    {
        var kata = Json(Vectors.Read(vector));
        var ours = Made().Data;
        AssertFields(kata, ours);
        AssertFields(kata.GetProperty("AgentConfig"), ours.GetProperty("AgentConfig"));
        AssertFields(kata.GetProperty("HypervisorConfig"), ours.GetProperty("HypervisorConfig"));
    }

    [SkippableTheory]
    [InlineData("vectors/04-vmcache-initrd-none/data.json")]
    [InlineData("schema/zero-vmconfig-4.1.0.json")]
    public void Keeps_katas_order_when_compared_with_kata(string vector)
    {
        var kata = Names(Json(Vectors.Read(vector)).GetProperty("HypervisorConfig"));
        Assert.Equal(kata, Names(Made().Data.GetProperty("HypervisorConfig")).Where(kata.Contains));
    }

    [Theory]
    [InlineData("a  b=c=d ", "a:;b:c=d")]
    [InlineData("x=\"1 2\" y", "x:\"1 2\";y:")]
    [InlineData("", "")]
    public void Splits_kernel_parameters_as_kata_does_when_given_a_line(string line, string expected) =>
        Assert.Equal(expected, string.Join(';', KernelLine.Split(line).Select(p => $"{p.Key}:{p.Value}")));

    private static List<string> Names(JsonElement e) => [.. e.EnumerateObject().Select(p => p.Name)];

    private static void AssertFields(JsonElement kata, JsonElement ours)
    {
        foreach (var field in kata.EnumerateObject())
        {
            Assert.True(ours.TryGetProperty(field.Name, out var value), field.Name + " is missing");
            var either = new[] { JsonValueKind.Null, JsonValueKind.Array };
            var booleans = new[] { JsonValueKind.True, JsonValueKind.False };
            Assert.True(
                value.ValueKind == field.Value.ValueKind
                || (either.Contains(value.ValueKind) && either.Contains(field.Value.ValueKind))
                || (booleans.Contains(value.ValueKind) && booleans.Contains(field.Value.ValueKind)),
                $"{field.Name} is {value.ValueKind}, not {field.Value.ValueKind}");
        }
    }
}
