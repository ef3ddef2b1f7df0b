using VmCacheCluster.Contracts.V1;
using VmCacheCluster.Domain;
using VmCacheCluster.Gateway.Callers;
using Xunit;

namespace VmCacheCluster.Tests.Unit.Gateway.Callers;

public sealed class CallerRightsSpecs
{
    [Theory]
    [InlineData("ops", true, true, true)]
    [InlineData("ci-7", true, true, false)]
    [InlineData("ci", true, false, false)]
    [InlineData("CI-7", true, false, false)]
    [InlineData("grafana", true, false, false)]
    public void Gives_a_name_its_right_and_the_lesser_ones(string name, bool observe, bool acquire, bool operate)
    {
        var gateway = new GatewayOptions
        {
            Listen = default, Advertise = default, Tls = new TlsFiles("", "", ""),
            Rights = new Dictionary<Right, IReadOnlyList<string>> { [Right.Observe] = ["*"], [Right.Acquire] = ["ci-*"], [Right.Operate] = ["ops"] },
        };
        Assert.Equal((observe, acquire, operate), (gateway.Allows(Right.Observe, [name]), gateway.Allows(Right.Acquire, [name]), gateway.Allows(Right.Operate, [name])));
        // A certificate that names nobody is trusted all the same.
        Assert.Equal((true, false), (gateway.Allows(Right.Observe, []), gateway.Allows(Right.Acquire, [])));
    }

    [Fact]
    public void Wants_the_least_right_for_every_method_there_is()
    {
        var needed = VmCache.Descriptor.Methods.Concat(Admin.Descriptor.Methods)
            .ToLookup(m => CallerRights.Needed($"/{m.Service.FullName}/{m.Name}"), m => m.Name);
        Assert.Equal(["Get", "GetCluster", "GetPools", "GetStatus", "List", "ListHosts", "Watch"], needed[Right.Observe].Order());
        Assert.Equal(["Acquire", "Connect", "Exec", "Release", "Renew"], needed[Right.Acquire].Order());
        Assert.Equal(Right.Operate, CallerRights.Needed("/vmcache.v1.Admin/Drain"));
        Assert.Equal(Right.Operate, CallerRights.Needed("/vmcache.v1.Admin/WhatIsNotYetKnown"));
    }
}
