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

    [Theory]
    [InlineData("2001:db8::1", "2001:db8::1", 2)]
    [InlineData("2001:db8::1", "2001:db8::2:3", 2)]
    [InlineData("2001:db8:0:1::1", "2001:db8::1", 3)]
    [InlineData("::ffff:10.0.0.1", "::ffff:10.0.0.2", 3)]
    [InlineData("::ffff:10.0.0.1", "10.0.0.1", 2)]
    [InlineData("2001:db8:1::1", "2001:db8:1::2", 3)]
    public void Has_so_many_places_for_each_network_of_ipv6(string one, string other, int places)
    {
        var handshakes = new Handshakes(most: 9, mostOfNetwork: 2, mostOfOne: 1);
        var begun = new[] { one, other, "2001:db8:0:0:4::4" }.Select(address => handshakes.TryBegin(new IPEndPoint(IPAddress.Parse(address), 1))).ToList();

        Assert.Equal(places, begun.Count(b => b is not null));
        begun.ForEach(b => b?.Dispose());
        Assert.NotNull(handshakes.TryBegin(new IPEndPoint(IPAddress.Parse(one), 1)));
    }
}
