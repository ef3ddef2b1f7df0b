using Akka.Actor;
using VmCacheCluster.Actors.Gateway;
using VmCacheCluster.Actors.Vms;
using VmCacheCluster.Domain;
using VmCacheCluster.Domain.Ports;
using VmCacheCluster.Tests.TestSupport.History;

namespace VmCacheCluster.Tests.Actors.Crash;

internal sealed record Held(VmId Vm, string Holder, LeaseToken? Token);

/// <summary>A round's clients: what they asked for, what they were told, what they do with it.</summary>
internal sealed class Clients(CrashHost host, PoolOptions pool, Random random)
{
    private readonly Lock _gate = new();
    private readonly List<AcquireBaseVm> _waiting = [];
    private readonly List<Held> _held = [];
    private readonly Dictionary<string, TimeSpan> _keys = [];
    private int _names;

    public bool Waiting
    {
        get { lock (_gate) return _waiting.Count > 0; }
    }

    public void Ask(DaemonLife daemon)
    {
        var wish = random.Next(3) > 0 ? Wish() : null;
        var holder = wish is { IdempotencyKey.Length: > 0 } ? wish.IdempotencyKey : $"caller {++_names}";
        var leaves = wish is null && random.Next(8) == 0;
        // Who asks again with a key is given what the key was given before: its times may run since it was first used.
        var asked = wish is { IdempotencyKey.Length: > 0 } ? _keys.TryAdd(holder, host.Now) ? host.Now : _keys[holder] : host.Now;
        // Inline: what the caller is told is on record before the VM's actor goes on.
        var caller = new AcquireBaseVm(
            new AcquireTicket(inline: true), pool.Name, wish is null ? HandOutPath.Kata : HandOutPath.V1, TimeSpan.FromSeconds(60), wish);
        lock (_gate) _waiting.Add(caller);
        host.History.Add(new HistoryEvent.Asked());
        caller.Ticket.Answer.ContinueWith(
            answer => OnAnswer(caller, answer.IsCompletedSuccessfully ? answer.Result as BaseVmGranted : null, holder, asked, leaves),
            CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
        daemon.Gateway.Tell(caller);
    }

    /// <summary>One who waits hangs up.</summary>
    public void Leave(DaemonLife daemon)
    {
        if (AnyOf(_waiting) is { } caller && caller.Ticket.TryAbandon()) daemon.Gateway.Tell(new AcquireAbandoned(caller.Ticket, pool.Name));
    }

    /// <summary>A holder does something that confirms.</summary>
    public async Task ActAsync(DaemonLife daemon)
    {
        if (AnyOf(_held) is not { } held) return;
        if (held.Token is not { } token) await RunAsync(daemon, held.Vm);
        else if (random.Next(2) == 0)
        {
            if (await daemon.AskOfVmAsync(new UseGuest(held.Vm, token)) is GuestLent) host.History.Add(new HistoryEvent.Confirmed(held.Vm));
        }
        else
        {
            var (asked, ttl) = (host.Now, TimeSpan.FromSeconds(random.Next(20, 400)));
            host.History.Add(new HistoryEvent.RenewalAsked(held.Vm, asked + ttl));
            if (await daemon.AskOfVmAsync(new RenewLease(held.Vm, token, ttl)) is LeaseRenewed) host.History.Add(new HistoryEvent.Renewed(held.Vm, asked + ttl));
        }
    }

    public async Task ReleaseAsync(DaemonLife daemon)
    {
        if (AnyOf(_held) is not { } held) return;
        if (held.Token is not null && random.Next(4) == 0)
        {
            var stale = await daemon.AskOfVmAsync(new ReleaseVm(held.Vm, LeaseToken.New()));
            Assert.IsNotType<VmReleased>(stale);
            return;
        }

        host.History.Add(new HistoryEvent.Released(held.Vm));
        if (await daemon.AskOfVmAsync(new ReleaseVm(held.Vm, held.Token)) is VmReleased)
            lock (_gate) _held.RemoveAll(h => h.Vm == held.Vm);
    }

    /// <summary>While nobody watches a client of Kata's runs its VM, and may pause it again. It comes too late when the daemon was about
    /// to end the VM.</summary>
    public void RunUnseen()
    {
        if (AnyOf(_held) is not { Token: null } held || !host.Hypervisor.Vms.TryGetValue(held.Vm, out var vm) || !vm.Alive) return;
        if (vm.LastMark.Ownership != VmOwnership.Stopping) host.History.Add(new HistoryEvent.Confirmed(held.Vm));
        vm.Machine.RunByClient();
        if (random.Next(2) == 0) vm.Machine.PauseByClient();
    }

    /// <summary>The daemon is dead: nobody gets an answer any more.</summary>
    public void Forget()
    {
        List<AcquireBaseVm> lost;
        lock (_gate) lost = [.. _waiting];
        foreach (var caller in lost) caller.Ticket.TryAbandon();
    }

    private LeaseWish Wish() => new(
        random.Next(4) == 0 ? 2 : 0, 0, null, new Dictionary<string, string>(), null,
        random.Next(2) == 0 ? $"key {random.Next(4)}" : "",
        random.Next(8) switch { 0 => WarmWish.Never, 1 => WarmWish.Require, _ => WarmWish.Prefer }, LateBinding.None, ClientHoldsAgent: false);

    private void OnAnswer(AcquireBaseVm caller, BaseVmGranted? granted, string holder, TimeSpan asked, bool leaves)
    {
        if (granted is not null && leaves) granted.Vm.Tell(new ReturnVm(granted.Facts.Id), ActorRefs.NoSender);
        else if (granted is not null)
        {
            var lease = granted.Lease?.Record;
            host.History.Add(new HistoryEvent.Granted(
                granted.Facts.Id, holder, lease?.Token, host.Now, asked + pool.GracePeriod, lease is null ? null : asked + lease.Ttl));
            lock (_gate) _held.Add(new Held(granted.Facts.Id, holder, lease?.Token));
        }

        host.History.Add(new HistoryEvent.Settled());
        lock (_gate) _waiting.Remove(caller);
    }

    /// <summary>It counts as run when the daemon has seen it, or was killed before it had made up its mind to end the VM.</summary>
    private async Task RunAsync(DaemonLife daemon, VmId id)
    {
        if (!host.Hypervisor.Vms.TryGetValue(id, out var vm) || !vm.Alive) return;
        vm.Machine.RunByClient();
        for (var looks = 1; await daemon.LookAsync() is { } view; looks++)
        {
            var life = view.Vms.FirstOrDefault(v => v.Id == id)?.Life;
            if (life is not { Phase: VmPhase.Leased }) return;
            if (life.Confirmed)
            {
                host.History.Add(new HistoryEvent.Confirmed(id));
                return;
            }

            // A VM that could not be taken over yet is tried again when time goes on.
            if (looks % 20 == 0) host.Advance(TimeSpan.FromSeconds(1));
        }

        if (vm.Machine.Alive && vm.LastMark.Ownership != VmOwnership.Stopping) host.History.Add(new HistoryEvent.Confirmed(id));
    }

    private T? AnyOf<T>(List<T> list) where T : class
    {
        lock (_gate) return list.Count == 0 ? null : list[random.Next(list.Count)];
    }
}
