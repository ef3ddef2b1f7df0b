using VmCacheCluster.Domain;
using VmCacheCluster.Tests.Unit.Gateway.Services;
using Xunit;

namespace VmCacheCluster.Tests.Unit.Domain;

public class DescriptorPlanSpecs
{
    [Theory]
    [InlineData(1, 2, 1_048_576, 1024)]
    [InlineData(2, 8, 512, 48)]
    public void Gives_connections_half_of_what_is_left_up_to_what_is_configured(int number, int parallelism, int limit, int local)
    {
        var plan = DescriptorPlan.Of(Options(number, parallelism), limit);

        Assert.Equal(new ConnectionLimits(local, 0), plan!.Connections);
    }

    [Fact]
    public void Gives_callers_of_this_host_as_many_as_those_of_all_tcp_ports_together_when_there_are_few()
    {
        var options = Options(2, 8) with { Gateway = Tcp };

        var plan = DescriptorPlan.Of(options, 700)!;

        Assert.Equal(plan.Connections.Local, plan.Connections.Network);
        Assert.True(DescriptorPlan.Runtime + plan.Vms + plan.Connections.Local + plan.Connections.Network < 700);
    }

    [Fact]
    public void Counts_two_ports_of_a_cluster()
    {
        var gateway = Options(2, 8) with { Gateway = Tcp };
        var cluster = gateway with { Cluster = Cluster };

        Assert.Equal(DescriptorPlan.Need(gateway) + 2 * 4 * 8, DescriptorPlan.Need(cluster));
        Assert.InRange(DescriptorPlan.Of(cluster, 1000)!.Connections.Network, 8, DescriptorPlan.Of(gateway, 1000)!.Connections.Network / 2);
    }

    [Theory]
    [InlineData(0, 2)]
    [InlineData(2, 8)]
    [InlineData(500, 64)]
    public void Is_none_exactly_below_the_need(int number, int parallelism)
    {
        var options = Options(number, parallelism);
        var need = (int)DescriptorPlan.Need(options);

        Assert.Null(DescriptorPlan.Of(options, need - 1));
        Assert.True(DescriptorPlan.Of(options, need)!.Connections.Local >= 16);
    }

    [Theory]
    [InlineData(10_000, 100, 300)]
    [InlineData(1_024, 15, 46)]
    [InlineData(405, 0, 0)]
    public void Lowers_shares_of_totals_in_proportion_to_what_there_is_room_for_and_nothing_else(int limit, int first, int second)
    {
        var own = Options(2, 2);
        var options = own with
        {
            Pools = [own.Pools[0], own.Pools[0] with { VmCacheNumber = 100, Shared = true }, own.Pools[0] with { VmCacheNumber = 300, Shared = true }],
        };

        var fit = DescriptorPlan.Fit(options, limit);

        Assert.Equal([2, first, second], fit.Pools.Select(p => p.VmCacheNumber));
        Assert.NotNull(DescriptorPlan.Of(fit, limit));
        Assert.Same(own, DescriptorPlan.Fit(own, 100));
    }

    [Fact]
    public void Counts_more_vms_than_an_integer_holds_descriptors_for()
    {
        var options = Options(1_000_000_000, 2);
        Assert.Null(DescriptorPlan.Of(options, int.MaxValue));
        Assert.True(DescriptorPlan.Need(options) > int.MaxValue);
    }

    private static GatewayOptions Tcp { get; } = new()
    {
        Listen = new NodeAddress("127.0.0.1", 1), Advertise = new NodeAddress("127.0.0.1", 1), Tls = new TlsFiles("/crt", "/key", "/ca"),
        Rights = new Dictionary<Right, IReadOnlyList<string>>(),
    };

    private static ClusterOptions Cluster { get; } = new()
    {
        Name = "c", Node = new NodeName("n0"), Listen = new NodeAddress("127.0.0.1", 2), Advertise = new NodeAddress("127.0.0.1", 2), PeerPort = 3, Seeds = [],
        AcceptablePause = TimeSpan.FromSeconds(1), SplitStableAfter = TimeSpan.FromSeconds(1), MaxClockSkew = TimeSpan.FromSeconds(1),
    };

    private static NodeOptions Options(int number, int parallelism) => new()
    {
        TemplateDirectory = "/t", Templates = new TemplateLimits(TimeSpan.FromDays(1), null),
        Endpoint = "/e", RunDirectory = "/r", ClientDirectory = "/c", BootParallelism = parallelism, Memory = new MemoryLimits(0, null),
        Stop = new StopDeadlines(TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(1)),
        Pools = [ServiceHost.Pool() with { VmCacheNumber = number }],
    };
}
