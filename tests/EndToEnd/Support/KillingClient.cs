using System.Diagnostics;
using VmCacheCluster.Client;
using VmCacheCluster.Contracts.V1;
using VmCacheCluster.Domain;
using VmCacheCluster.Tests.TestSupport;
using VmCacheCluster.Tests.TestSupport.History;

namespace VmCacheCluster.Tests.EndToEnd.Support;

/// <summary>
/// A client of a daemon that is killed again and again: it takes VMs through both APIs, renews, holds and releases them, and
/// writes down each answer. A call that the daemon's death cut off is made again; an acquire keeps its idempotency key.
/// </summary>
internal sealed class KillingClient(string name, Func<VmCacheClient> client, HistoryRecorder history, TimeSpan grace, int seed)
{
    private const int MostHeld = 2;

    private static readonly TimeSpan Ttl = TimeSpan.FromMinutes(30);
    private static readonly TimeSpan Between = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan CallTimeout = TimeSpan.FromSeconds(30);

    private readonly Random _random = new(seed);
    private readonly List<HeldVm> _held = [];
    private readonly List<string> _faults = [];
    private int _asked;
    private int _granted;

    /// <summary>The VMs that it was given and did not ask to be ended. To be read when the client has stopped.</summary>
    public IReadOnlyList<HeldVm> Held => _held;

    /// <summary>Answers that break a promise. To be read when the client has stopped.</summary>
    public IReadOnlyList<string> Faults => _faults;

    /// <summary>The number of VMs that it was given so far.</summary>
    public int Granted => Volatile.Read(ref _granted);

    /// <summary>Host time since boot, as the history counts it.</summary>
    public static TimeSpan Now => Stopwatch.GetElapsedTime(0);

    public async Task RunAsync(CancellationToken stop)
    {
        using var tick = new PeriodicTimer(Between);
        while (!stop.IsCancellationRequested)
        {
            var choice = _random.Next(4);
            if (_held.Count == 0 || (_held.Count < MostHeld && choice < 2)) await (choice == 0 ? TakeBaseVmAsync(stop) : AcquireAsync(stop));
            else if (choice == 2) await ReleaseAsync(_held[_random.Next(_held.Count)]);
            else await LookAsync(_held[_random.Next(_held.Count)]);
            await NextAsync(tick, stop);
        }
    }

    /// <summary>Asks the daemon whether the VM is still held, and proves the lease with its token.</summary>
    public async Task LookAsync(HeldVm vm)
    {
        try
        {
            if (vm.Token is not { } token)
            {
                var state = (await AnsweredAsync(c => c.GetAsync(vm.Id, CallTimeout))).State;
                if (state != VmState.Leased) _faults.Add($"{name}: VM {vm.Id} is {state} although its holder runs it");
                return;
            }

            history.Add(new HistoryEvent.RenewalAsked(vm.Vm, Now + Ttl));
            await AnsweredAsync(c => c.RenewAsync(vm.Id, token, Ttl, CallTimeout));
            history.Add(new HistoryEvent.Renewed(vm.Vm, Now + Ttl));
        }
        catch (VmCacheException e)
        {
            _faults.Add($"{name}: VM {vm.Id} is held, and the daemon says {e.Reason}: {e.Message}");
        }
    }

    /// <summary>Asks for the VM's end. When that is answered the process is gone.</summary>
    public async Task ReleaseAsync(HeldVm vm)
    {
        if (!Processes.IsAlive(vm.Pid)) _faults.Add($"{name}: the process of VM {vm.Id} is gone although it is held");
        history.Add(new HistoryEvent.Released(vm.Vm));
        _held.Remove(vm);
        var tries = 0;
        try
        {
            await AnsweredAsync(c =>
            {
                tries++;
                return c.ReleaseAsync(vm.Id, CallTimeout, token: vm.Token ?? "");
            });
        }
        catch (VmCacheException e) when (e.Code == Grpc.Core.StatusCode.NotFound && tries > 1)
        {
            // The daemon that was killed during the call before had done it.
        }
        catch (VmCacheException e)
        {
            _faults.Add($"{name}: VM {vm.Id} is held, and its release is refused: {e.Reason}: {e.Message}");
        }

        await Eventually.Async(() => !Processes.IsAlive(vm.Pid), $"the process of released VM {vm.Id} is gone");
    }

    private async Task AcquireAsync(CancellationToken stop)
    {
        var options = new AcquireOptions { IdempotencyKey = $"{name}-{++_asked}", Ttl = Ttl, AutomaticRenewal = false, Timeout = CallTimeout };
        var asked = Now;
        try
        {
            var lease = await AnsweredAsync(c => c.AcquireAsync("", options, CancellationToken.None), stop);
            Take(new HeldVm(lease.Id, lease.Vm.Pid, lease.Token), options.IdempotencyKey!, asked, asked + Ttl);
            await LookAsync(_held[^1]);
        }
        catch (OperationCanceledException)
        {
            // Stopped before an answer came: the lease, if there is one, ends with its grace period.
        }
    }

    private async Task TakeBaseVmAsync(CancellationToken stop)
    {
        var asked = Now;
        try
        {
            var id = (await AnsweredAsync(c => c.GetBaseVmAsync(CallTimeout), stop)).Id;
            var vm = await AnsweredAsync(c => c.GetAsync(id, CallTimeout));
            await HandedOut.ResumeAsync(vm);
            Take(new HeldVm(id, vm.Pid, null), $"{name}-kata-{++_asked}", asked, null);
            history.Add(new HistoryEvent.Confirmed(new VmId(id)));
        }
        catch (VmCacheException e) when (e.Code == Grpc.Core.StatusCode.NotFound && Now - asked > grace)
        {
            // No daemon was up long enough to be asked before the grace period ended: the VM is nobody's.
        }
        catch (OperationCanceledException)
        {
            // As above.
        }
    }

    private void Take(HeldVm vm, string holder, TimeSpan asked, TimeSpan? expires)
    {
        history.Add(new HistoryEvent.Granted(vm.Vm, holder, TokenOf(vm), Now, asked + grace, expires));
        if (!Processes.CommandLine(vm.Pid).Contains(vm.Id, StringComparison.Ordinal)) _faults.Add($"{name}: VM {vm.Id} was given without its process");
        _held.Add(vm);
        Interlocked.Increment(ref _granted);
    }

    private static LeaseToken? TokenOf(HeldVm vm) => vm.Token is { } text && LeaseToken.TryParse(text, out var token) ? token : null;

    /// <summary>The daemon died, starts, stops or was too busy: the call may be made again.</summary>
    private static bool IsCutOff(VmCacheException e) =>
        e.Code is Grpc.Core.StatusCode.Unavailable or Grpc.Core.StatusCode.ResourceExhausted or Grpc.Core.StatusCode.DeadlineExceeded or Grpc.Core.StatusCode.Cancelled
        || e.Reason is Reasons.ConnectionLost or Reasons.NoSocket or Reasons.NotListening;

    private async Task AnsweredAsync(Func<VmCacheClient, Task> call) => await AnsweredAsync(async c =>
    {
        await call(c);
        return true;
    });

    /// <summary>Makes a call until a daemon answers it.</summary>
    /// <exception cref="VmCacheException">The answer is a refusal.</exception>
    private async Task<T> AnsweredAsync<T>(Func<VmCacheClient, Task<T>> call, CancellationToken stop = default)
    {
        using var tick = new PeriodicTimer(Between);
        while (true)
        {
            try
            {
                return await call(client());
            }
            catch (Exception e) when (e is ObjectDisposedException || (e is VmCacheException refused && IsCutOff(refused)))
            {
                stop.ThrowIfCancellationRequested();
                await tick.WaitForNextTickAsync(CancellationToken.None);
            }
        }
    }

    private static async Task NextAsync(PeriodicTimer tick, CancellationToken stop)
    {
        try
        {
            await tick.WaitForNextTickAsync(stop);
        }
        catch (OperationCanceledException)
        {
            // The loop sees it.
        }
    }

    /// <param name="Token">Null: taken through Kata's call.</param>
    internal sealed record HeldVm(string Id, long Pid, string? Token)
    {
        public VmId Vm { get; } = new VmId(Id);
    }
}
