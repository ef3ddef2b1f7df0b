using Akka.Actor;
using Akka.Cluster;

namespace VmCacheCluster.Actors.Cluster;

/// <summary>
/// Keeps this node's cluster system going: one that was downed, was cut off or gave way has ended by itself, and another one is made in the
/// same process, with nothing of the old one but what is on disk. The host's actors know nothing of it.
/// </summary>
/// <param name="start">Makes one.</param>
/// <param name="failed">Told why none could be made; another try follows.</param>
public sealed class ClusterLife(Func<ActorSystem> start, ClusterFace face, TimeProvider time, Action<Exception> failed)
{
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(1);

    /// <summary>How long the others are given to let this node go.</summary>
    private static readonly TimeSpan Farewell = TimeSpan.FromSeconds(8);

    private volatile ActorSystem? _system;

    public async Task RunAsync(CancellationToken stopping)
    {
        while (!stopping.IsCancellationRequested)
        {
            try
            {
                var system = _system = start();
                await system.WhenTerminated.WaitAsync(stopping).ConfigureAwait(false);
            }
            catch (OperationCanceledException) when (stopping.IsCancellationRequested)
            {
                return;
            }
            catch (Exception e)
            {
                failed(e);
            }

            face.Placement = null;
            // The port has to be free again, and a node that is thrown out at once each time must not spin.
            await Task.Delay(Pause, time, stopping).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    /// <summary>Tells the others that this node goes, so that they need not miss it first, and ends.</summary>
    public async Task LeaveAsync()
    {
        if (_system is not { } system) return;
        face.Placement = null;
        Task farewell = CoordinatedShutdown.Get(system).Run(CoordinatedShutdown.ClrExitReason.Instance);
        await farewell.WaitAsync(Farewell, time).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    /// <summary>Ends this node's part at once, without a word.</summary>
    public Task AbortAsync() => _system?.Terminate() ?? Task.CompletedTask;
}
