namespace VmCacheCluster.Gateway.Endpoints;

/// <summary>
/// Looks every two seconds whether the daemon's sockets are still where clients look for them, and makes again what somebody (or a cleaner of
/// temporary files) removed. Connections that there are go on.
/// </summary>
public sealed class EndpointWatch(
    OwnedEndpoints endpoints, EndpointTroubles troubles, IHostApplicationLifetime lifetime, TimeProvider time, ILoggerFactory loggers) : BackgroundService
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(2);

    private readonly ILogger _log = loggers.CreateLogger("vmcached");

    protected override async Task ExecuteAsync(CancellationToken stop)
    {
        using var timer = new PeriodicTimer(Interval, time);
        // Once it stops, Kestrel itself takes its sockets away.
        using var either = CancellationTokenSource.CreateLinkedTokenSource(stop, lifetime.ApplicationStopping);
        try
        {
            while (await timer.WaitForNextTickAsync(either.Token)) Look();
        }
        catch (OperationCanceledException)
        {
            // The daemon ends.
        }
    }

    private void Look()
    {
        var before = troubles.Now;
        var now = endpoints.Keep(what => _log.LogWarning("{What}", what));
        foreach (var trouble in now.Except(before)) _log.LogError("this daemon is not reachable there: {Trouble}; trying again every two seconds", trouble);
        troubles.Now = now;
    }
}
