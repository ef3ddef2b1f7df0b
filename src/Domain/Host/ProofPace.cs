namespace VmCacheCluster.Domain;

/// <summary>When KVM is proved again that could not be tried.</summary>
public static class ProofPace
{
    public static readonly TimeSpan First = TimeSpan.FromSeconds(10);
    public static readonly TimeSpan Longest = TimeSpan.FromMinutes(5);

    /// <param name="attempts">In vain so far, at least 1.</param>
    public static TimeSpan After(int attempts)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(attempts, 1);
        var plain = First * Math.Pow(2, Math.Min(attempts - 1, 16));
        return plain < Longest ? plain : Longest;
    }
}
