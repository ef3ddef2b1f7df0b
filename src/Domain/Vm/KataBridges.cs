namespace VmCacheCluster.Domain;

/// <summary>The PCI bridges of a shape: the command line makes them, and a client is told of them.</summary>
public static class KataBridges
{
    /// <summary>Where the first one is on its bus: the two before it are the platform's.</summary>
    public const int FirstAddress = 2;

    /// <summary>A microvm has no PCI.</summary>
    public static int Count(KataShape shape) => shape.Machine == KataMachine.Microvm ? 0 : shape.Bridges;
}
