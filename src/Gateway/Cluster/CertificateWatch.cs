namespace VmCacheCluster.Gateway.Cluster;

/// <summary>Notices new certificates also when nobody connects, and those that expire soon.</summary>
public sealed class CertificateWatch(NetworkTrust trust, TimeProvider time, ILogger<CertificateWatch> log) : BackgroundService
{
    private static readonly TimeSpan Period = TimeSpan.FromSeconds(5);

    protected override async Task ExecuteAsync(CancellationToken stopping)
    {
        using var timer = new PeriodicTimer(Period, time);
        do
        {
            foreach (var one in trust.All)
            {
                try
                {
                    one.Watch();
                }
                catch (Exception fault)
                {
                    // Whatever it is, the callers of this host are served on.
                    log.LogError(fault, "the certificates could not be looked at");
                }
            }
        }
        while (await timer.WaitForNextTickAsync(stopping).ConfigureAwait(false));
    }
}
