using VmCacheCluster.Domain;

namespace VmCacheCluster.Hypervisor.Qemu.Templates;

/// <summary>A template in memory, sealed: what clones start from. The memory is there once, whoever maps it.</summary>
internal sealed record LoadedTemplate(Template Template, MemoryFile Memory, MemoryFile State) : IDisposable
{
    public void Dispose()
    {
        Memory.Dispose();
        State.Dispose();
    }
}
