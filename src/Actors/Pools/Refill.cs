using VmCacheCluster.Domain;

namespace VmCacheCluster.Actors.Pools;

/// <summary>How a pool's boots have been going: what it has asked for, what failed, when it tries again.</summary>
internal sealed class Refill(PoolSettings settings)
{
    /// <summary>A boot slot is asked for and not granted yet.</summary>
    public bool SlotAsked { get; set; }

    /// <summary>Why the host grants none; null: it does.</summary>
    public string? Withheld { get; set; }

    public int FailuresInARow { get; private set; }

    public VmFailure? LastFailure { get; private set; }

    /// <summary>By the wall clock, for people; null while the pool may try.</summary>
    public DateTimeOffset? NextTry { get; private set; }

    public bool BackingOff => NextTry is not null;

    /// <summary>What making the last VM took; zero: none was made yet.</summary>
    public TimeSpan Took { get; private set; }

    public void Succeeded(TimeSpan took)
    {
        Took = took;
        FailuresInARow = 0;
        LastFailure = null;
        NextTry = null;
    }

    /// <returns>How long to wait before the next try.</returns>
    public TimeSpan Failed(VmFailure failure, DateTimeOffset now, double random)
    {
        FailuresInARow++;
        LastFailure = failure;
        var delay = Backoff.Delay(settings.Options.Backoff, failure.Kind, FailuresInARow, random);
        NextTry = now + delay;
        return delay;
    }

    /// <summary>Other VMs are made from now on: how these went says nothing about them.</summary>
    public void Forget() => (FailuresInARow, LastFailure, NextTry) = (0, null, null);

    public void MayTry() => NextTry = null;

    /// <summary>Why the pool is not at its target; empty when it is.</summary>
    public string Reason(int target, int warm, int warming, DateTimeOffset now)
    {
        if (LastFailure is not null && warm < Math.Max(target, 1))
        {
            var tries = FailuresInARow == 1 ? "the last boot failed" : $"the last {FailuresInARow} boots failed";
            var next = NextTry is { } at ? $"next try in {Math.Max(0, (at - now).TotalSeconds):0.#} s" : "trying now";
            return $"{tries}: {LastFailure}; {next}";
        }

        return warm >= target ? "" : Withheld is not null ? Withheld : warming > 0 ? $"{warming} being made" : "waiting for a boot slot of this host";
    }
}
