using VmCacheCluster.Actors.Gateway;
using VmCacheCluster.Actors.Pools;
using VmCacheCluster.Actors.Vms;
using VmCacheCluster.Domain;
using Akka.TestKit.Xunit2;

namespace VmCacheCluster.Tests.Actors;

public class WarmShelfSpecs : TestKit
{
    private readonly WarmShelf _shelf = new();

    [Fact]
    public void Serves_the_longest_warm_current_vm_first_and_an_outdated_one_last()
    {
        var (old, first, second) = (Put(outdated: true), Put(), Put());

        Assert.Equal([first, second, old], new[] { Serve(), Serve(), Serve() });
        Assert.False(_shelf.TryServe(Caller(), Served.Warm));
    }

    [Fact]
    public void Takes_outdated_vms_back_first()
    {
        var (first, _, old) = (Put(), Put(), Put(outdated: true));

        Assert.Equal([old, first], _shelf.Withdraw(2).Select(o => o.Id));
        Assert.Equal((1, 0), _shelf.Count);
    }

    [Fact]
    public void Moves_a_vm_when_its_standing_changes()
    {
        var offer = new WarmOffer(VmId.New(), TestActor);
        _shelf.Put(offer, outdated: false);
        _shelf.Put(offer, outdated: true);

        Assert.Equal((0, 1), _shelf.Count);
        Assert.Equal(offer.Id, Serve());
        Assert.Equal((0, 0), _shelf.Count);
    }

    [Fact]
    public void Gives_nobody_a_vm_that_its_pool_took_back()
    {
        var id = Put();

        Assert.True(_shelf.Withdraw(id));
        Assert.False(_shelf.Withdraw(id));
        Assert.False(_shelf.TryServe(Caller(), Served.Warm));
    }

    [Fact]
    public async Task Gives_each_vm_to_one_taker_when_many_take_at_once()
    {
        const int vms = 2000;
        for (var i = 0; i < vms; i++) Put(outdated: i % 3 == 0);

        var served = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => Task.Run(() => Enumerable.Range(0, vms).Count(_ => _shelf.TryServe(Caller(), Served.Warm)))));
        var told = ReceiveN(vms, TimeSpan.FromSeconds(20)).Cast<ReserveVm>().Select(r => r.Id).ToList();

        Assert.Equal(vms, served.Sum());
        Assert.Equal(vms, told.Distinct().Count());
    }

    private static AcquireBaseVm Caller() => new(new AcquireTicket(), PoolName.Default, HandOutPath.Kata, TimeSpan.FromSeconds(1));

    private VmId Put(bool outdated = false)
    {
        var offer = new WarmOffer(VmId.New(), TestActor);
        _shelf.Put(offer, outdated);
        return offer.Id;
    }

    private VmId Serve()
    {
        var caller = Caller();
        Assert.True(_shelf.TryServe(caller, Served.Warm));
        var told = ExpectMsg<ReserveVm>();
        Assert.Same(caller, told.Caller);
        return told.Id;
    }
}
