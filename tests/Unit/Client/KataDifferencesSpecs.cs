using System.Text;
using Google.Protobuf;
using VmCacheCluster.Client;
using VmCacheCluster.Kata;
using VmCacheCluster.Kata.Wire;

namespace VmCacheCluster.Tests.Unit.Client;

public sealed class KataDifferencesSpecs
{
    private static readonly KataVmConfig Own = new() { HypervisorConfig = new KataHypervisorConfig { KernelPath = "/k", InitrdPath = "/i" } };

    [Fact]
    public void Matches_itself() => Assert.Empty(KataFactory.Differences(Own.ToGrpc(), Own));

    [Fact]
    public void Leaves_size_and_what_is_set_for_each_vm_out()
    {
        var node = Own with
        {
            HypervisorConfig = Own.HypervisorConfig with
            {
                NumVCPUsF = 4, NumVCPUs = 4, MemorySize = 9, VMStorePath = "/x", RunStorePath = "/y", SandboxName = "s", SharedPath = "/z",
            },
        };

        Assert.Empty(KataFactory.Differences(node.ToGrpc(), Own));
    }

    [Fact]
    public void Names_every_difference()
    {
        var node = Own with
        {
            AgentConfig = new KataAgentConfig { Debug = true },
            HypervisorConfig = Own.HypervisorConfig with { KernelPath = "/other", KernelParams = [new KataParam("a", "b")], HugePages = true },
        };

        Assert.Equal(
            [
                "AgentConfig.Debug is true there and false here", "HypervisorConfig.KernelPath is \"/other\" there and \"/k\" here",
                "HypervisorConfig.KernelParams is [{\"Key\":\"a\",\"Value\":\"b\"}] there and [] here", "HypervisorConfig.HugePages is true there and false here",
            ],
            KataFactory.Differences(node.ToGrpc(), Own).Order(Comparer<string>.Create((a, b) => Rank(a) - Rank(b))));
    }

    [Fact]
    public void Reads_what_is_missing_as_zero_and_null_as_empty()
    {
        var own = Own with { HypervisorConfig = Own.HypervisorConfig with { KernelParams = null, RootfsType = "", HypervisorLoglevel = 0 } };
        var data = Encoding.UTF8.GetString(own.ToGrpc().Data.Span);
        var node = Message(data.Replace("\"KernelParams\":null", "\"KernelParams\":[]").Replace("\"RootfsType\":\"\",", "")
            .Replace("\"HypervisorLoglevel\":0,", "").Replace("{\"HypervisorType\"", "{\"Newer\":1,\"HypervisorType\""));

        Assert.Empty(KataFactory.Differences(node, own));
    }

    [Fact]
    public void Lets_the_agents_own_bytes_replace_those_in_data_unless_they_are_broken()
    {
        var data = Encoding.UTF8.GetString(Own.ToGrpc().Data.Span);

        Assert.Empty(KataFactory.Differences(Message(data, "{broken"), Own));
        Assert.Single(KataFactory.Differences(Message(data, "{\"LongLiveConn\":true,\"Trace\":true}"), Own));
    }

    [Theory]
    [InlineData("")]
    [InlineData("[]")]
    [InlineData("{")]
    public void Refuses_what_is_no_configuration(string data)
        => Assert.Throws<KataFormatException>(() => KataFactory.Differences(Message(data), Own));

    private static int Rank(string difference) => difference.StartsWith("Agent", StringComparison.Ordinal) ? 0
        : difference.Contains("KernelPath") ? 1 : difference.Contains("KernelParams") ? 2 : 3;

    private static GrpcVMConfig Message(string data, string agent = "") => new()
    {
        Data = ByteString.CopyFromUtf8(data), AgentConfig = ByteString.CopyFromUtf8(agent),
    };
}
