using VmCacheCluster.Contracts.V1;
using VmCacheCluster.Domain;
using VmCacheCluster.Gateway.Services;

namespace VmCacheCluster.Tests.Unit.Gateway.Services;

public sealed class V1MappingSpecs
{
    public static TheoryData<VmPhase> Phases() => [.. Enum.GetValues<VmPhase>()];

    [Theory]
    [MemberData(nameof(Phases))]
    public void Calls_each_phase_by_its_own_name(VmPhase phase)
    {
        // A VM that is gone is shown by its last event alone.
        var name = phase == VmPhase.Gone ? nameof(VmState.Stopping) : phase.ToString();

        Assert.Equal(name, V1Mapping.ToVm(ServiceHost.View(phase)).State.ToString());
    }

    [Fact]
    public void Says_what_is_in_the_way_of_an_end_and_what_to_do()
    {
        var view = ServiceHost.View(VmPhase.Stopping);
        var obstacle = new VmFailure(VmFailureKind.Host, "it is mounted", "umount it");

        Assert.Equal("it is mounted (umount it)", V1Mapping.ToVm(view with { Life = view.Life with { Ending = new VmEnding("asked", VmPhase.Leased, Obstacle: obstacle) } }).Obstacle);
        Assert.Equal("", V1Mapping.ToVm(view).Obstacle);
    }
}
