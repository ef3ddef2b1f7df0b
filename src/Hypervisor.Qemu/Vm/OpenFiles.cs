using System.ComponentModel;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using VmCacheCluster.Domain;
using VmCacheCluster.Hypervisor.Qemu.CommandLine;
using VmCacheCluster.Hypervisor.Qemu.Processes;
using VmCacheCluster.Hypervisor.Qemu.Templates;

namespace VmCacheCluster.Hypervisor.Qemu.Vm;

/// <summary>What one QEMU gets open. Once it has started, we let go of it: what only QEMU has ends with QEMU.</summary>
internal sealed class OpenFiles : IDisposable
{
    private readonly Dictionary<GivenFile, SafeFileHandle> _opened = [];
    private readonly SafeFileHandle? _memory;

    private OpenFiles(SafeFileHandle? memory) => _memory = memory;

    public IReadOnlyList<GivenDescriptor> Descriptors =>
    [
        .. _opened.Select(file => new GivenDescriptor((int)file.Key, file.Value)),
        .. _memory is null ? Array.Empty<GivenDescriptor>() : [new GivenDescriptor((int)GivenFile.Memory, _memory)],
    ];

    /// <summary>Makes the sockets, too. A VM of Kata's shape makes its own: its clients hand it files by path, so it may open them.</summary>
    /// <param name="memory">Stays with its owner.</param>
    /// <param name="vsock">Ours from now on; null: the VM is not on the bus.</param>
    /// <exception cref="IOException">A socket cannot be made, or a file cannot be opened.</exception>
    /// <exception cref="VmFailedException">A file is missing or may not be read.</exception>
    public static OpenFiles Open(VmSpec spec, VmPaths paths, VmSource source, MemoryFile? memory, SafeFileHandle? vsock)
    {
        var files = new OpenFiles(memory?.Handle);
        try
        {
            if (vsock is not null) files._opened[GivenFile.Vsock] = vsock;
            if (spec.Kata is not null) return files;
            files._opened[GivenFile.Supervisor] = ListeningSocket.Listen(paths.Supervisor);
            files._opened[GivenFile.Qmp] = ListeningSocket.Listen(paths.Qmp);
            files._opened[GivenFile.Console] = ListeningSocket.Listen(paths.Console);
            if (vsock is null) files._opened[GivenFile.Agent] = ListeningSocket.Listen(paths.Agent);
            if (spec.Image is { } image) files._opened[GivenFile.Image] = OpenToRead("image", image);
            if (source == VmSource.Clone) return files;
            files._opened[GivenFile.Kernel] = OpenToRead("kernel", spec.Kernel);
            if (spec.Initrd is { } initrd) files._opened[GivenFile.Initrd] = OpenToRead("initrd", initrd);
            return files;
        }
        catch
        {
            files.Dispose();
            throw;
        }
    }

    /// <summary>.NET would lock it, for as long as QEMU has it.</summary>
    private static SafeFileHandle OpenToRead(string what, string path)
    {
        var file = new SafeFileHandle(Native.Open(path, Native.O_RDONLY | Native.O_CLOEXEC), ownsHandle: true);
        if (!file.IsInvalid) return file;
        var error = Marshal.GetLastPInvokeError();
        if (Preflight.Input(what, path) is { } fault) throw new VmFailedException(fault);
        throw new IOException($"cannot open {path}: {new Win32Exception(error).Message}", error);
    }

    public void Dispose()
    {
        foreach (var file in _opened.Values) file.Dispose();
    }
}
