using System.Collections.Concurrent;
using VmCacheCluster.Client;
using VmCacheCluster.Tests.TestSupport;

namespace VmCacheCluster.Tests.EndToEnd.Support;

/// <summary>A caller that takes VMs and gives them back until it is stopped, and what it saw.</summary>
internal sealed class Load : IAsyncDisposable
{
    private static readonly TimeSpan Between = TimeSpan.FromMilliseconds(250);

    private readonly CancellationTokenSource _stop = new();
    private readonly ConcurrentQueue<string> _granted = new();
    private readonly ConcurrentQueue<string> _failures = new();
    private readonly Task _running;

    /// <param name="client">Asked before every call.</param>
    public Load(Func<VmCacheClient> client, AcquireOptions options) => _running = RunAsync(client, options);

    /// <summary>The VMs, in the order in which they were given. A VM is never given twice.</summary>
    public IReadOnlyList<string> Granted => [.. _granted];

    public IReadOnlyList<string> Failures => [.. _failures];

    /// <summary>Each has been given so many VMs more.</summary>
    public static Task GrantedAsync(IReadOnlyList<Load> loads, int more)
    {
        var wanted = loads.Select(l => l.Granted.Count + more).ToList();
        return Eventually.Async(
            () => loads.Select((l, i) => l.Granted.Count >= wanted[i]).All(enough => enough), $"each caller is given {more} VMs more",
            () => string.Join('\n', loads.SelectMany(l => l.Failures.Prepend($"{l.Granted.Count} given"))));
    }

    public async Task<Load> StopAsync()
    {
        await _stop.CancelAsync();
        await _running;
        return this;
    }

    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        _stop.Dispose();
    }

    private async Task RunAsync(Func<VmCacheClient> client, AcquireOptions options)
    {
        using var tick = new PeriodicTimer(Between);
        while (!_stop.IsCancellationRequested)
        {
            try
            {
                await using var vm = await client().AcquireAsync("", options);
                _granted.Enqueue(vm.Id);
            }
            catch (VmCacheException e)
            {
                _failures.Enqueue($"{DateTimeOffset.UtcNow:HH:mm:ss.fff} {e.Reason}: {e.Message}");
            }

            try
            {
                await tick.WaitForNextTickAsync(_stop.Token);
            }
            catch (OperationCanceledException)
            {
                return;
            }
        }
    }
}
