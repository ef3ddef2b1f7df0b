using System.Globalization;

namespace VmCacheCluster.Domain;

/// <summary>An agent's address on the vsock bus, as it stands in <see cref="VmPaths.Agent"/>: vsock://CID:1024.</summary>
public static class VsockAddress
{
    /// <summary>Where Kata's agents listen.</summary>
    public const int AgentPort = 1024;

    /// <summary>What a host needs to give a VM a place on the bus.</summary>
    public const string HostDevice = "/dev/vhost-vsock";

    private const string Scheme = "vsock://";

    public static string Of(uint contextId) => string.Create(CultureInfo.InvariantCulture, $"{Scheme}{contextId}:{AgentPort}");

    /// <returns>Null: it is not such an address, but the path of a Unix socket.</returns>
    public static uint? ContextId(string address) =>
        address.StartsWith(Scheme, StringComparison.Ordinal)
        && address.AsSpan(Scheme.Length) is var rest
        && rest.IndexOf(':') is > 0 and var colon
        && uint.TryParse(rest[..colon], NumberStyles.None, CultureInfo.InvariantCulture, out var cid)
            ? cid
            : null;

    /// <summary>As QEMU's arguments have it.</summary>
    /// <exception cref="InvalidOperationException">The VM is not on the bus.</exception>
    public static string OwnContextId(VmPaths paths) =>
        (ContextId(paths.Agent) ?? throw new InvalidOperationException($"'{paths.Agent}' is no vsock address")).ToString(CultureInfo.InvariantCulture);
}
