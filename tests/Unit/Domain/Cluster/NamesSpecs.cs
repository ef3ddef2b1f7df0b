using VmCacheCluster.Domain;

namespace VmCacheCluster.Tests.Unit.Domain.Cluster;

public class NamesSpecs
{
    [Theory]
    [InlineData("host:1", "host", 1)]
    [InlineData("10.0.0.1:65535", "10.0.0.1", 65535)]
    [InlineData("[fd00::1]:4750", "fd00::1", 4750)]
    public void Reads_addresses(string text, string host, int port)
    {
        Assert.True(NodeAddress.TryParse(text, out var address));
        Assert.Equal((new NodeAddress(host, port), text), (address, address.ToString()));
    }

    [Theory]
    [InlineData("")]
    [InlineData(null)]
    [InlineData("host")]
    [InlineData(":1")]
    [InlineData("host:0")]
    [InlineData("host:65536")]
    [InlineData("host:+1")]
    [InlineData("fd00::1:1")]
    [InlineData("[fd00::1:1")]
    [InlineData("ho st:1")]
    [InlineData("a\"b:1")]
    public void Takes_nothing_else_for_an_address(string? text) => Assert.False(NodeAddress.TryParse(text, out _));

    [Theory]
    [InlineData("a", true)]
    [InlineData("node-1.example.org", true)]
    [InlineData("1", true)]
    [InlineData("", false)]
    [InlineData("-a", false)]
    [InlineData("Node", false)]
    [InlineData("a b", false)]
    public void Knows_a_node_name(string text, bool isOne) => Assert.Equal(isOne, NodeName.TryParse(text, out _));

    [Fact]
    public void Names_vms_after_their_host()
    {
        var tag = new NodeName("a").Tag;
        var id = VmId.New(tag);

        Assert.Equal("ca978112", tag);
        Assert.Equal(tag, id.Tag);
        Assert.True(VmId.TryParse(id.Value, out _));
        Assert.NotEqual(id, VmId.New(tag));
    }
}
