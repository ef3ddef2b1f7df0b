namespace VmCacheCluster.Hypervisor.Qemu;

/// <summary>A limit is reached whose errno means other things elsewhere.</summary>
/// <param name="remedy">Which limit to raise.</param>
internal sealed class HostLimitException(string message, int error, string remedy) : IOException(message, error)
{
    public string Remedy { get; } = remedy;
}
