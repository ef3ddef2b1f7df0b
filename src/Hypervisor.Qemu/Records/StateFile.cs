using Microsoft.Win32.SafeHandles;
using VmCacheCluster.Domain;

namespace VmCacheCluster.Hypervisor.Qemu.Records;

/// <summary>A VM's state file, open for writing. No fsync: VMs do not outlive the host.</summary>
internal sealed class StateFile : IDisposable
{
    private readonly SafeFileHandle _file;

    private StateFile(SafeFileHandle file) => _file = file;

    public static StateFile Create(string path, VmMark mark)
    {
        // Not FileShare.None: that would be a lock, and a reader in another process must not be able to fail a write.
        var state = new StateFile(File.OpenHandle(path, FileMode.CreateNew, FileAccess.Write, FileShare.ReadWrite | FileShare.Delete));
        state.Write(mark);
        return state;
    }

    public static StateFile Open(string path) =>
        new(File.OpenHandle(path, FileMode.Open, FileAccess.Write, FileShare.ReadWrite | FileShare.Delete));

    /// <summary>One write of one fixed-size record.</summary>
    public void Write(VmMark mark)
    {
        Span<byte> line = stackalloc byte[StateText.Bytes];
        StateText.Format(mark, line);
        RandomAccess.Write(_file, line, 0);
    }

    public void Dispose() => _file.Dispose();

    /// <summary>The mark, or null and what is wrong with the file.</summary>
    public static (VmMark? Mark, string? Problem) Read(string path)
    {
        try
        {
            using var file = File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
            var buffer = new byte[StateText.Bytes + 1];
            var (mark, problem) = StateText.Parse(buffer.AsSpan(0, RandomAccess.Read(file, buffer, 0)));
            return (mark, problem is null ? null : $"{path}: {problem}");
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            return (null, $"{path} cannot be read: {fault.Message}");
        }
    }
}
