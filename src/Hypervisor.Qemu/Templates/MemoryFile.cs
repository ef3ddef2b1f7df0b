using System.ComponentModel;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using VmCacheCluster.Hypervisor.Qemu.Processes;

namespace VmCacheCluster.Hypervisor.Qemu.Templates;

/// <summary>
/// A file in memory without a name, which its holder and those who are given it can open. Once sealed nobody can write it:
/// QEMU opens a guest's memory for writing even where it maps it privately, and gets no further than that.
/// </summary>
internal sealed class MemoryFile : IDisposable
{
    private const uint CloseOnExec = 1, AllowSealing = 2;
    private const int KeepSize = 1, PunchHole = 2;
    private const int AddSeals = 1033, SealSeal = 1, SealShrink = 2, SealGrow = 4, SealWrite = 8;

    private MemoryFile(SafeFileHandle handle) => Handle = handle;

    public SafeFileHandle Handle { get; }

    public long Length => RandomAccess.GetLength(Handle);

    /// <exception cref="IOException">The host has no memory or no descriptor for it.</exception>
    public static MemoryFile Create(string name, long length)
    {
        var fd = Native.MemoryFileCreate(name, CloseOnExec | AllowSealing);
        if (fd < 0) throw new IOException($"a file in memory cannot be made: {Error()}");
        var file = new MemoryFile(new SafeFileHandle(fd, ownsHandle: true));
        RandomAccess.SetLength(file.Handle, length);
        return file;
    }

    /// <summary>Gives pages of zeros back to the host, which reads them as zeros all the same.</summary>
    /// <exception cref="IOException">It cannot be read, or the host does not do it.</exception>
    public void DropZeros()
    {
        foreach (var run in MemoryRuns.Of(Handle))
        {
            if (run.IsZero && Native.Allocate((int)Handle.DangerousGetHandle(), PunchHole | KeepSize, run.Offset, run.Content.Length) != 0)
                throw new IOException($"the pages of a template cannot be given back: {Error()}");
        }
    }

    /// <summary>For good. Nobody may have it mapped for writing any more.</summary>
    /// <exception cref="IOException">Somebody has.</exception>
    public void Seal()
    {
        if (Native.FileControl((int)Handle.DangerousGetHandle(), AddSeals, SealSeal | SealShrink | SealGrow | SealWrite) != 0)
            throw new IOException($"the memory of a template cannot be sealed: {Error()}");
    }

    /// <summary>The same file with a position of its own.</summary>
    /// <exception cref="ObjectDisposedException">It was closed.</exception>
    public SafeFileHandle OpenToRead()
    {
        var held = false;
        Handle.DangerousAddRef(ref held);
        try
        {
            return File.OpenHandle($"/proc/self/fd/{Handle.DangerousGetHandle()}");
        }
        finally
        {
            Handle.DangerousRelease();
        }
    }

    public void Dispose() => Handle.Dispose();

    private static string Error() => new Win32Exception(Marshal.GetLastPInvokeError()).Message;
}
