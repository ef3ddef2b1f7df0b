namespace VmCacheCluster.Domain.Ports;

/// <summary>Whether a VM is what its next holder needs.</summary>
/// <param name="Failure">Why it is not, or may not be; null: it is.</param>
/// <param name="Silent">It has not answered in time: it may be another time.</param>
public readonly record struct VmFitness(VmFailure? Failure, bool Silent)
{
    public static readonly VmFitness Fit;

    public static VmFitness Unfit(VmFailure failure) => new(failure, Silent: false);

    public static VmFitness NoAnswer(VmFailure failure) => new(failure, Silent: true);
}
