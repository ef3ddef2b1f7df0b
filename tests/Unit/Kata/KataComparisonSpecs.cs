using Google.Protobuf;
using VmCacheCluster.Kata;
using VmCacheCluster.Kata.Configuration;
using VmCacheCluster.Kata.Wire;
using VmCacheCluster.Tests.Unit.Kata.Configuration;
using VmCacheCluster.Tests.TestSupport;
using Xunit;

namespace VmCacheCluster.Tests.Unit.Kata;

public sealed class KataComparisonSpecs
{
    private const string Toml = """
        [hypervisor.qemu]
        path = "/opt/kata/bin/qemu-system-x86_64"
        kernel = "/opt/kata/share/kata-containers/vmlinux.container"
        initrd = "/opt/kata/share/kata-containers/kata-containers-initrd.img"
        shared_fs = "none"

        """;

    [Theory]
    [InlineData(KataTarget.Kata35)]
    [InlineData(KataTarget.Kata41)]
    public void Finds_one_reply_equal_for_both_generations(KataTarget client)
        => Assert.Empty(KataComparison.Between(Config(Toml).ToGrpc(), Config(Toml), client));

    [Theory]
    [InlineData("default_vcpus = 3\ndefault_memory = 512\n", "")]
    [InlineData("default_maxvcpus = 2\n", "HypervisorConfig.DefaultMaxVCPUs")]
    [InlineData("kernel_params = \"a=1\"\n", "HypervisorConfig.KernelParams")]
    [InlineData("valid_entropy_sources = []\n", "")]
    [InlineData("valid_entropy_sources = [\"\"]\n", "HypervisorConfig.EntropySourceList")]
    [InlineData("enable_iommu = true\n", "HypervisorConfig.IOMMU")]
    [InlineData("[agent.kata]\ndial_timeout = 45\n", "AgentConfig.DialTimeout AgentConfig.LongLiveConn")]
    public void Lets_size_differ_and_nothing_else(string more, string fields) => Assert.Equal(
        fields, string.Join(' ', KataComparison.Between(Config(Toml).ToGrpc(), Config(Toml + more), KataTarget.Kata35).Select(d => d.Field)));

    [Fact]
    public void Tells_in_what_the_generations_contradict_each_other()
    {
        var config = Config(Toml + "vhost_user_reconnect_timeout_sec = 7\n[agent.kata]\ncdh_api_timeout = 50\n");

        Assert.Empty(KataComparison.Between(config.ToGrpc(), config, KataTarget.Kata41));
        Assert.Equal(
            [new KataDifference("HypervisorConfig.VhostUserDeviceReconnect", "7", "0"), ("HypervisorConfig.KernelParams")],
            KataComparison.Between(config.ToGrpc(), config, KataTarget.Kata35).Select(d => d.Field.EndsWith("Params", StringComparison.Ordinal) ? (object)d.Field : d));
        Assert.Empty(KataComparison.Between(config.ToGrpc(KataTarget.Kata35), config, KataTarget.Kata35));
    }

    [Fact]
    public void Compares_a_sandboxs_name_for_older_clients_alone()
    {
        var named = Config(Toml) is var config ? config with { HypervisorConfig = config.HypervisorConfig with { SandboxName = "pod" } } : null!;

        Assert.Equal("HypervisorConfig.SandboxName", Assert.Single(KataComparison.Between(Config(Toml).ToGrpc(), named, KataTarget.Kata35)).Field);
        Assert.Empty(KataComparison.Between(Config(Toml).ToGrpc(), named, KataTarget.Kata41));
    }

    /// <summary>Kata 1.x sets its proxy's path and log level to nothing before it compares; not so who the proxy is.</summary>
    [Fact]
    public void Compares_who_multiplexes_and_not_how()
    {
        var served = First("[proxy.kata]\npath = \"/opt/kata/a\"\n").ToGrpc(KataTarget.Kata113);

        var debugged = First("[proxy.kata]\npath = \"/opt/kata/b\"\nenable_debug = true\n");
        Assert.Empty(KataComparison.Between(served, debugged, KataTarget.Kata113));
        Assert.Equal(
            ["ProxyType", "AgentConfig.LongLiveConn"],
            KataComparison.Between(served, First("[agent.kata]\n"), KataTarget.Kata113).Select(d => d.Field));
    }

    [Fact]
    public void Takes_no_set_policy_for_equal()
    {
        var policy = Config(Toml) is var config ? config with { HypervisorConfig = config.HypervisorConfig with { SnpGuestPolicy = 1 } } : null!;

        Assert.Equal("HypervisorConfig.SnpGuestPolicy", Assert.Single(KataComparison.Between(policy.ToGrpc(), policy, KataTarget.Kata41)).Field);
    }

    [Fact]
    public void Refuses_an_answer_that_is_no_json() => Assert.Throws<KataFormatException>(
        () => KataComparison.Between(new GrpcVMConfig { Data = ByteString.CopyFromUtf8("{") }, Config(Toml), KataTarget.Kata35));

    /// <summary>One JSON that was checked to be taken by both.</summary>
    [SkippableFact]
    public void Reads_the_recorded_superset()
    {
        var served = new GrpcVMConfig { Data = ByteString.CopyFrom(Vectors.Read("schema/superset-example-data.json")), AgentConfig = ByteString.CopyFrom(Vectors.Read("schema/superset-example-agent.json")) };

        Assert.All(KataComparison.Between(served, Config(Toml), KataTarget.Kata35), d => Assert.NotEqual("", d.Served));
    }

    private static KataVmConfig First(string more)
    {
        var host = VectorHost.With(Toml.Replace("shared_fs = \"none\"", "", StringComparison.Ordinal) + more);
        return new KataConfigurationReader(host, target: KataTarget.Kata113).Read(VectorHost.File).Configuration!.Vm;
    }

    private static KataVmConfig Config(string toml) => new KataConfigurationReader(VectorHost.With(toml)).Read(VectorHost.File).Configuration!.Vm;
}
