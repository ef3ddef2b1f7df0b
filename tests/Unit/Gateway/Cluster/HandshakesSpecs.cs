using System.Net;
using VmCacheCluster.Gateway.Cluster;

namespace VmCacheCluster.Tests.Unit.Gateway.Cluster;

public sealed class HandshakesSpecs
{
    private static readonly IPEndPoint One = new(IPAddress.Parse("10.0.0.1"), 1), OneAgain = new(IPAddress.Parse("10.0.0.1"), 2), Two = new(IPAddress.Parse("10.0.0.2"), 1);

    [Fact]
    public void Has_so_many_places_for_all_and_for_each_address()
    {
        var handshakes = new Handshakes(most: 3, mostOfOne: 2);
        var first = handshakes.TryBegin(One);

        Assert.NotNull(first);
        Assert.NotNull(handshakes.TryBegin(OneAgain));
        Assert.Null(handshakes.TryBegin(One));
        Assert.NotNull(handshakes.TryBegin(Two));
        Assert.Null(handshakes.TryBegin(Two));

        // Given back twice it is free once.
        first!.Dispose();
        first.Dispose();
        Assert.NotNull(handshakes.TryBegin(Two));
        Assert.Null(handshakes.TryBegin(One));
    }

    /// <summary>A host has the 2^64 addresses of such a network to itself.</summary>
    [Theory]
    [InlineData("2001:db8::1", "2001:db8::2:3", false)]
    [InlineData("2001:db8:0:1::1", "2001:db8::1", true)]
    [InlineData("::ffff:10.0.0.1", "::ffff:10.0.0.2", true)]
    [InlineData("::ffff:10.0.0.1", "10.0.0.1", false)]
    public void Counts_the_addresses_of_one_network_of_ipv6_together(string one, string other, bool apart)
    {
        var handshakes = new Handshakes(most: 3, mostOfOne: 1);

        Assert.NotNull(handshakes.TryBegin(new IPEndPoint(IPAddress.Parse(one), 1)));
        Assert.Equal(apart, handshakes.TryBegin(new IPEndPoint(IPAddress.Parse(other), 1)) is not null);
    }
}
