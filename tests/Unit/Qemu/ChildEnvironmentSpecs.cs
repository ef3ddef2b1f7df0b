using VmCacheCluster.Hypervisor.Qemu.Processes;

namespace VmCacheCluster.Tests.Unit.Qemu;

public sealed class ChildEnvironmentSpecs
{
    [Fact]
    public void Passes_what_programs_need_and_nothing_else()
    {
        var own = new Dictionary<string, string>
        {
            ["PATH"] = "/usr/bin:/bin", ["LC_ALL"] = "C", ["TZ"] = "UTC", ["AWS_SECRET_ACCESS_KEY"] = "s", ["LD_PRELOAD"] = "/tmp/x.so", ["VMCACHE_TOKEN"] = "t", ["path"] = "x",
        };

        Assert.Equal(["PATH=/usr/bin:/bin", "LC_ALL=C", "TZ=UTC"], ChildEnvironment.Of(own, []));
        Assert.Equal(["A=b=c"], ChildEnvironment.Of([], ["A=b=c"]));
    }
}
