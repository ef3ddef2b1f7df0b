using VmCacheCluster.Domain;

namespace VmCacheCluster.Hypervisor.Qemu.Templates;

/// <summary>A template in memory, sealed: what clones start from. The memory is there once, whoever maps it.</summary>
internal sealed record LoadedTemplate(Description Description, MemoryFile Memory, MemoryFile State) : IDisposable
{
    public Template Template => new(new TemplateDigest(Description.Digest), Description.MadeAt, Description.MemoryBytes) { From = Description.From };

    /// <exception cref="ObjectDisposedException">It was renewed in this moment.</exception>
    public TemplateOffer Offer => new(
        Description.MadeAt, Description.MemoryLength, Description.MemoryBytes, Description.MemoryDigest, State.Length, Description.StateDigest);

    public void Dispose()
    {
        Memory.Dispose();
        State.Dispose();
    }
}
