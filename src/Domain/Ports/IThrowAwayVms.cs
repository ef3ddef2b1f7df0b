namespace VmCacheCluster.Domain.Ports;

/// <summary>
/// VMs that only this process of the daemon has a use for: those of proofs, and those that become templates. They end with it, and soon
/// after it when it is killed.
/// </summary>
public interface IThrowAwayVms
{
    /// <summary>Ends all there are, and refuses all others from now on. Completes when none is left.</summary>
    Task EndAsync();
}
