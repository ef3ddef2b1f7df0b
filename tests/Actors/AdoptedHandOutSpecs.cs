using Akka.Actor;
using VmCacheCluster.Actors.Gateway;
using VmCacheCluster.Domain;
using VmCacheCluster.Domain.Ports;
using VmCacheCluster.Tests.TestSupport.Fakes;

namespace VmCacheCluster.Tests.Actors;

public class AdoptedHandOutSpecs : NodeFixture
{
    [Fact]
    public async Task Gives_the_holder_of_an_adopted_vm_the_whole_grace_period()
    {
        var id = VmId.New();
        Hypervisor.Found.Add(new FoundVm(
            id, FakeHypervisor.FactsOf(id, Spec, 77), new VmMark(VmOwnership.Warm, HandOutPath.None, Served.Unknown, Clock.Now), FoundProcess.Alive, null));
        Clock.Now = Clock.Now with { SinceBoot = Clock.Now.SinceBoot + TimeSpan.FromHours(1) };
        await StartAsync(Pool(number: 1));
        await UntilAsync(p => p.Warm == 1);
        Assert.Equal(id, (await TakeAsync()).Facts.Id);
        await UntilAsync(p => p.Vms.Any(v => v.Id == id && v.Life.Phase == VmPhase.Leased));

        Time.Advance(TimeSpan.FromSeconds(29));
        await UntilAsync(p => p.Vms.Any(v => v.Id == id && v.Life.Phase == VmPhase.Leased) && p.Warm == 1);
        Time.Advance(TimeSpan.FromSeconds(1));

        await UntilAsync(p => p.Vms.All(v => v.Id != id));
    }

    [Fact]
    public async Task Lends_no_guest_before_the_use_is_on_disk()
    {
        var hold = new TaskCompletionSource();
        await StartAsync(Pool(number: 1));
        await UntilAsync(p => p.Warm == 1);
        var wish = new LeaseWish(0, 0, null, new Dictionary<string, string>(), null, "", WarmWish.Prefer, LateBinding.None, ClientHoldsAgent: false);
        var granted = Assert.IsType<BaseVmGranted>(await AskAsync(Acquire() with { Path = HandOutPath.V1, Wish = wish }));
        Hypervisor.Script = (_, step, cancel) => step == VmStep.Record ? hold.Task.WaitAsync(cancel) : Task.CompletedTask;

        var use = Gateway.Ask<GuestLent>(new UseGuest(granted.Facts.Id, granted.Lease!.Record.Token), TimeSpan.FromSeconds(20));
        await UntilAsync(p => p.Vms.Any(v => v.Id == granted.Facts.Id && v.Life.Confirmed));
        Assert.False(use.IsCompleted);
        hold.SetResult();

        await use;
        Assert.Equal(VmOwnership.Confirmed, Hypervisor.Vms[granted.Facts.Id].LastMark.Ownership);
    }

    [Fact]
    public async Task Serves_the_caller_of_a_key_whose_lease_was_cut_off_before_its_mark()
    {
        var id = VmId.New();
        var wish = new LeaseWish(0, 0, null, new Dictionary<string, string>(), null, "key", WarmWish.Prefer, LateBinding.None, ClientHoldsAgent: false);
        var lease = new LeaseRecord(LeaseToken.New(), "key", LeaseRules.Digest(wish), null, wish.Labels, TimeSpan.FromMinutes(1));
        Hypervisor.Found.Add(new FoundVm(
            id, FakeHypervisor.FactsOf(id, Spec, 77), new VmMark(VmOwnership.Warm, HandOutPath.None, Served.Unknown, Clock.Now), FoundProcess.Alive, null)
        {
            Lease = lease,
        });
        await StartAsync(Pool(number: 1));
        await UntilAsync(p => p.Warm == 1);
        Assert.Equal(id, (await TakeAsync()).Facts.Id);

        var granted = Assert.IsType<BaseVmGranted>(await AskAsync(Acquire() with { Path = HandOutPath.V1, Wish = wish }));

        Assert.NotEqual(id, granted.Facts.Id);
    }
}
