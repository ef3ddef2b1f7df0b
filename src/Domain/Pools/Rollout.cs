namespace VmCacheCluster.Domain;

/// <summary>How a pool goes over from VMs of one shape to those of another.</summary>
/// <param name="Surge">How many VMs there may be above the target meanwhile, as a fraction of it; rounded up.</param>
/// <param name="Floor">How many VMs stay warm, as a fraction of the target; rounded up.</param>
/// <param name="Deadline">It is undone when no new VM has become warm for so long.</param>
public sealed record RolloutOptions(double Surge, double Floor, TimeSpan Deadline)
{
    public int SurgeOf(int target) => Rounded(Surge, target);

    public int FloorOf(int target) => Rounded(Floor, target);

    /// <summary>A quarter of eight is two, whatever the fraction's last bits say.</summary>
    private static int Rounded(double share, int target) => (int)Math.Ceiling(Math.Round(share * target, 6));
}

/// <summary>A pool on its way to another shape of its VMs.</summary>
/// <param name="From">What is gone back to when it fails: the last configuration that was reached.</param>
/// <param name="Made">VMs of the new shape that have become warm.</param>
/// <param name="FailedInARow">VMs of the new shape that could not be made, since the last one that was.</param>
public sealed record Rollout(PoolOptions From, int Made = 0, int FailedInARow = 0)
{
    /// <summary>So many failures in a row speak against the new shape.</summary>
    public const int MostFailures = 3;

    public bool HasFailed => FailedInARow >= MostFailures;

    public Rollout Succeeded() => this with { Made = Made + 1, FailedInARow = 0 };

    public Rollout Failed() => this with { FailedInARow = FailedInARow + 1 };

    /// <summary>What a change of a pool's configuration makes of its way.</summary>
    /// <param name="running">Null: it is on none.</param>
    /// <returns>Null: there is nothing to go over to.</returns>
    public static Rollout? Next(Rollout? running, PoolOptions now, PoolOptions next)
    {
        // What is gone back to has the size that is wanted now.
        if (next.Spec == now.Spec) return running is null ? null : running with { From = running.From with { VmCacheNumber = next.VmCacheNumber } };
        if (next.Spec == running?.From.Spec) return null;
        return new Rollout((running?.From ?? now) with { VmCacheNumber = next.VmCacheNumber });
    }

    /// <param name="target">vm-cache-number.</param>
    /// <param name="outdated">VMs of the shape before that are still warm.</param>
    public bool IsOver(int target, int outdated) => outdated == 0 && (Made > 0 || target == 0);
}
