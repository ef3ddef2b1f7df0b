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

    [Theory]
    [InlineData(VmPhase.Loading, VmCacheCluster.Domain.MadeBy.Clone, VmCacheCluster.Contracts.V1.MadeBy.Clone)]
    [InlineData(VmPhase.Creating, VmCacheCluster.Domain.MadeBy.Boot, VmCacheCluster.Contracts.V1.MadeBy.Boot)]
    public void Says_how_a_vm_is_made_before_its_process_is_known(VmPhase phase, VmCacheCluster.Domain.MadeBy made, VmCacheCluster.Contracts.V1.MadeBy told)
    {
        var vm = V1Mapping.ToVm(ServiceHost.View(phase) with { Facts = null, MadeBy = made });

        Assert.Equal((told, 0L), (vm.MadeBy, vm.Pid));
    }

    [Fact]
    public void Says_by_which_call_a_leased_vm_is_held_and_since_when()
    {
        var since = new DateTimeOffset(2026, 5, 4, 12, 0, 0, TimeSpan.Zero);
        var held = ServiceHost.View(VmPhase.Leased) with { Life = new VmLife(VmPhase.Leased, HandOutPath.Kata, VmCacheCluster.Domain.Served.Warm, Confirmed: true), HeldAt = since };

        Assert.Equal((HeldBy.Kata, since), (V1Mapping.ToVm(held).HeldBy, V1Mapping.ToVm(held).HeldSince.ToDateTimeOffset()));
        Assert.Equal((HeldBy.Unspecified, null), (V1Mapping.ToVm(ServiceHost.View(VmPhase.Warm)).HeldBy, V1Mapping.ToVm(ServiceHost.View(VmPhase.Warm)).HeldSince));
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
