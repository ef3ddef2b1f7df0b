using Microsoft.Win32.SafeHandles;

namespace VmCacheCluster.Hypervisor.Qemu.Files;

/// <summary>A directory that is being emptied.</summary>
/// <param name="Tries">How often that has been begun.</param>
internal sealed record TreeLevel(SafeFileHandle Handle, byte[] Name, int Tries) : IDisposable
{
    public DirectoryEntries Entries { get; } = new(Handle);

    public void Dispose() => Handle.Dispose();
}
