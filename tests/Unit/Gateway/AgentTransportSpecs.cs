using VmCacheCluster.Domain;
using VmCacheCluster.Gateway.Configuration;
using Xunit;

namespace VmCacheCluster.Tests.Unit.Gateway;

/// <summary>agent-transport of a pool of our own layout; that of Kata's is in <see cref="KataConfigSpecs"/>.</summary>
public sealed class AgentTransportSpecs : IDisposable
{
    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("vmcache-transport");

    public void Dispose() => _directory.Delete(recursive: true);

    [Theory]
    [InlineData("", true, AgentTransport.VirtioSerial)]
    [InlineData("agent-transport = default", true, AgentTransport.VirtioSerial)]
    [InlineData("agent-transport = serial", true, AgentTransport.VirtioSerial)]
    [InlineData("agent-transport = virtio-serial", true, AgentTransport.VirtioSerial)]
    [InlineData("agent-transport = auto", true, AgentTransport.Vsock)]
    [InlineData("agent-transport = auto", false, AgentTransport.VirtioSerial)]
    [InlineData("agent-transport = vsock", true, AgentTransport.Vsock)]
    [InlineData("agent-transport = vsock", false, AgentTransport.Vsock)]
    [InlineData("agent-transport = auto, agent-protocol = yamux", true, AgentTransport.VirtioSerial)]
    public void Is_what_is_written_and_what_the_host_has(string setting, bool hasVsock, AgentTransport expected)
        => Assert.Equal(expected, Assert.Single(Load($"vmcache.pools.default {{ {setting} }}", hasVsock).Options!.Pools).Spec.Transport);

    [Fact]
    public void Is_the_default_pools_when_a_flag_says_it()
    {
        var pools = Load("vmcache.pools.other {}", hasVsock: false, flag: "vsock").Options!.Pools;

        Assert.Equal(
            [("default", AgentTransport.Vsock), ("other", AgentTransport.VirtioSerial)], pools.Select(p => (p.Name.Value, p.Spec.Transport)).Order());
    }

    [Theory]
    [InlineData("agent-transport = pigeon", "give one of default, vsock, serial, virtio-serial, auto")]
    [InlineData("agent-transport = vsock, agent-protocol = yamux", "agent-protocol")]
    public void Is_refused_when_it_cannot_be(string setting, string remedy)
    {
        var fault = Assert.Single(Load($"vmcache.pools.a {{ {setting} }}", hasVsock: true).Faults);

        Assert.Equal("vmcache.pools.a.agent-transport", fault.Key);
        Assert.Contains(remedy, fault.Remedy, StringComparison.Ordinal);
    }

    [Fact]
    public void Can_be_a_pools_that_is_applied_to_all_hosts()
    {
        List<ConfigurationFault> faults = [];

        Assert.Contains("agent-transport = \"auto\"", Assert.Single(PoolFileReader.Read("pools.web { agent-transport = auto }", faults)).Value, StringComparison.Ordinal);
        Assert.Empty(faults);
    }

    [Theory]
    [InlineData("/dev/null", true)]
    [InlineData("/nonexistent/vhost-vsock", false)]
    public void Is_asked_of_the_host_by_opening_the_device(string device, bool expected) => Assert.Equal(expected, HostFacts.MayOpen(device));

    private ConfigurationResult Load(string text, bool hasVsock, string? flag = null)
    {
        var file = Path.Combine(_directory.FullName, "vmcache.conf");
        File.WriteAllText(file, text);
        return ConfigurationLoader.Load(
            new CommandLineValues(file, AgentTransport: flag), new Dictionary<string, string>(),
            new HostFacts(8, 16384, "/opt/guest", "/nonexistent/vmcache.conf") { HasVsock = hasVsock });
    }
}
