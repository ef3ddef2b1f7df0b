namespace VmCacheCluster.Gateway.Cluster;

/// <summary>Notices new certificates also when nobody connects, and those that expire soon.</summary>
public sealed class CertificateWatch(NetworkTrust trust, TimeProvider time) : BackgroundService
{
    private static readonly TimeSpan Period = TimeSpan.FromSeconds(5);

    protected override async Task ExecuteAsync(CancellationToken stopping)
    {
        using var timer = new PeriodicTimer(Period, time);
        do
        {
            foreach (var one in trust.All) one.Watch();
        }
        while (await timer.WaitForNextTickAsync(stopping).ConfigureAwait(false));
    }
}
