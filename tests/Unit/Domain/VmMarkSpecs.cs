using VmCacheCluster.Domain;

namespace VmCacheCluster.Tests.Unit.Domain;

public sealed class VmMarkSpecs
{
    [Theory]
    [InlineData(VmOwnership.Making, false)]
    [InlineData(VmOwnership.Warm, false)]
    [InlineData(VmOwnership.Reserved, true)]
    [InlineData(VmOwnership.Preparing, true)]
    [InlineData(VmOwnership.Unconfirmed, true)]
    [InlineData(VmOwnership.Confirmed, true)]
    [InlineData(VmOwnership.Stopping, false)]
    public void Knows_who_may_resume_the_vm_by_himself(VmOwnership ownership, bool handedOut) =>
        Assert.Equal(handedOut, new VmMark(ownership, HandOutPath.None, Served.Unknown, default).HandedOut);
}
