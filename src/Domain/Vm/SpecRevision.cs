using System.Security.Cryptography;
using System.Text.Json;

namespace VmCacheCluster.Domain;

/// <summary>A short name for what shapes a pool's VMs, by which hosts tell each other which revision of a pool they have.</summary>
public static class SpecRevision
{
    /// <returns>12 lower-case hexadecimal digits. What each host resolves for itself, the accelerator and the agent's transport, does not count.</returns>
    public static string Of(VmSpec spec)
        => Convert.ToHexStringLower(SHA256.HashData(JsonSerializer.SerializeToUtf8Bytes(
            spec with { Accelerator = Accelerator.Tcg, Transport = AgentTransport.VirtioSerial })).AsSpan(0, 6));
}
