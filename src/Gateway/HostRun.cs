namespace VmCacheCluster.Gateway;

public static class HostRun
{
    /// <summary>
    /// As RunAsync, but that a host whose start fails, for a port that is taken or a SIGTERM, is stopped too: .NET only disposes it, and what
    /// the node has begun by then would be left.
    /// </summary>
    public static async Task RunToItsEndAsync(this WebApplication app)
    {
        try
        {
            await app.StartAsync();
        }
        catch (Exception fault)
        {
            var told = fault is OperationCanceledException && app.Lifetime.ApplicationStopping.IsCancellationRequested;
            await app.StopAsync();
            if (told) return;
            throw;
        }

        await app.WaitForShutdownAsync();
    }
}
