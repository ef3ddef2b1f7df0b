using Google.Protobuf;
using VmCacheCluster.Contracts.V1;
using VmCacheCluster.Gateway.Keys.Wire;
using Xunit;

namespace VmCacheCluster.Tests.Unit.Gateway.Cluster;

/// <summary>Changing one of these bytes breaks clusters of two versions.</summary>
public class KeyWireSpecs
{
    private static readonly KeyAsker Home = new() { Node = "n", Uid = 2, Number = 3 };

    private static readonly AcquireRequest Request = new() { Pool = "p" };

    public static TheoryData<IMessage, string> Pinned() => new()
    {
        { new PlaceKey { Request = Request, Asker = "a", Fits = true }, "0A030A0170" + "120161" + "1801" },
        { new GiveKey { Request = Request, Home = Home, WarmOnly = true }, "0A030A0170" + "12070A016E10021803" + "1801" },
        { new FindKey { Pool = "p", Key = "k", Home = Home }, "0A0170" + "12016B" + "1A070A016E10021803" },
        { new KeyFound { Held = true }, "0801" },
        { new CollectKeys { Home = Home, Members = 5 }, "0A070A016E10021803" + "110500000000000000" },
        { new KeysCollected { Keys = { new HeldKey { Pool = "p", Key = "k" } }, Gone = { "g" } }, "0A060A017012016B" + "120167" },
    };

    [Theory]
    [MemberData(nameof(Pinned))]
    public void Writes_every_message_in_the_same_bytes(IMessage message, string bytes) => Assert.Equal(bytes, Convert.ToHexString(message.ToByteArray()));
}
