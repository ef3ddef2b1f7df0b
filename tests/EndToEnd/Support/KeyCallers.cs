using System.Collections.Concurrent;
using System.Diagnostics;
using Grpc.Core;
using VmCacheCluster.Client;
using VmCacheCluster.Contracts.V1;
using VmCacheCluster.Domain;
using VmCacheCluster.Tests.TestSupport;
using VmCacheCluster.Tests.TestSupport.History;
using Placement = VmCacheCluster.Contracts.V1.Placement;

namespace VmCacheCluster.Tests.EndToEnd.Support;

/// <summary>Callers who ask the nodes of a cluster for VMs with idempotency keys, until they are served, and the history of what they were told.</summary>
internal sealed class KeyCallers(ClusterHouse cluster)
{
    /// <summary>Carries a VM's key, so that it is seen on its host.</summary>
    public const string Label = "key";

    private static readonly TimeSpan Between = TimeSpan.FromMilliseconds(100);

    /// <summary>A host that has been killed is missed, is removed, may come back, and is in again.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(4);

    private readonly Stopwatch _clock = Stopwatch.StartNew();
    private readonly ConcurrentDictionary<string, bool> _made = new();
    private readonly ConcurrentDictionary<string, int> _refusals = new();

    public HistoryRecorder History { get; } = new();

    /// <summary>How often callers were told to try again, and why.</summary>
    public string Refusals => string.Join(", ", _refusals.OrderBy(r => r.Key).Select(r => $"{r.Key} {r.Value}"));

    /// <summary>Asks at a node after the other, beginning with one, until it is served.</summary>
    public async Task<LeasedVm> AcquireAsync(string key, int first, Placement placement, TimeSpan? timeout = null)
    {
        var options = new AcquireOptions
        {
            IdempotencyKey = key, Placement = placement, AutomaticRenewal = false, Timeout = timeout ?? TimeSpan.FromSeconds(15), Ttl = TimeSpan.FromHours(1),
            Labels = new Dictionary<string, string> { [Label] = key },
        };
        var at = first;
        return await PersistAsync($"a VM of key {key}", async () =>
        {
            var vm = await cluster.Client(at++ % cluster.Count).AcquireAsync("", options);
            var now = _clock.Elapsed;
            var id = new VmId(vm.Id);
            if (_made.TryAdd(vm.Id, true)) History.Add(new HistoryEvent.Made(id));
            LeaseToken.TryParse(vm.Token, out var token);
            History.Add(new HistoryEvent.Granted(id, key, token, now, now + TimeSpan.FromSeconds(30), now + TimeSpan.FromMinutes(30)));
            return vm;
        });
    }

    /// <summary>Confirms a lease, through any node.</summary>
    public async Task ConfirmAsync(LeasedVm vm, int first)
    {
        var at = first;
        await PersistAsync($"a renewal of VM {vm.Id}", async () => await cluster.Client(at++ % cluster.Count).RenewAsync(vm.Id, vm.Token, null, HandedOut.Timeout));
        History.Add(new HistoryEvent.Renewed(new VmId(vm.Id), _clock.Elapsed + TimeSpan.FromMinutes(30)));
    }

    public async Task ReleaseAsync(LeasedVm vm, int first)
    {
        var at = first;
        History.Add(new HistoryEvent.Released(new VmId(vm.Id)));
        try
        {
            await PersistAsync($"the release of VM {vm.Id}", async () =>
            {
                await cluster.Client(at++ % cluster.Count).ReleaseAsync(vm.Id, HandedOut.Timeout, token: vm.Token);
                return true;
            });
        }
        catch (VmCacheException gone) when (gone.Code == StatusCode.NotFound)
        {
            // An answer to an earlier try was lost.
        }
    }

    /// <summary>Keys of leased VMs on all hosts, one for each VM. All daemons answer.</summary>
    public async Task<IReadOnlyList<string>> LeasedAsync()
    {
        List<string> keys = [];
        for (var i = 0; i < cluster.Count; i++)
        {
            foreach (var vm in await cluster.Client(i).ListAsync("", [], HandedOut.Timeout))
                if (vm.State is VmState.Leased && vm.Labels.TryGetValue(Label, out var key)) keys.Add(key);
        }

        return keys;
    }

    private async Task<T> PersistAsync<T>(string what, Func<Task<T>> call)
    {
        using var limit = new CancellationTokenSource(Patience);
        using var tick = new PeriodicTimer(Between);
        while (true)
        {
            try
            {
                return await call();
            }
            catch (VmCacheException e) when (e.Code is StatusCode.Unavailable or StatusCode.ResourceExhausted or StatusCode.DeadlineExceeded or StatusCode.Internal or StatusCode.Cancelled)
            {
                _refusals.AddOrUpdate(e.Reason, 1, (_, n) => n + 1);
                try
                {
                    await tick.WaitForNextTickAsync(limit.Token);
                }
                catch (OperationCanceledException)
                {
                    throw new TimeoutException($"not within {Patience.TotalSeconds:0} s: {what}; at last: {e.Code} {e.Reason}: {e.Message}", e);
                }
            }
        }
    }
}
