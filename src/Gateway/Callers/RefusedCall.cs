namespace VmCacheCluster.Gateway.Callers;

/// <summary>A feature of a call that was refused for want of a right, before any service saw it.</summary>
internal sealed class RefusedCall
{
    public static readonly RefusedCall Instance = new();
}
