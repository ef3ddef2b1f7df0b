using Microsoft.Win32.SafeHandles;
using VmCacheCluster.Domain;

namespace VmCacheCluster.Hypervisor.Qemu.Records;

/// <summary>A VM's state file, open for writing. No fsync: VMs do not outlive the host.</summary>
internal sealed class StateFile : IDisposable
{
    private const int MostBytes = 4096;

    private readonly SafeFileHandle _file;
    private readonly FileState _identity;

    private StateFile(SafeFileHandle file) => (_file, _identity) = (file, FileState.Of(file));

    /// <summary>False: the path is no longer this file's, and what is written here is lost.</summary>
    public bool IsAt(string path) => _identity.IsAt(path);

    public static StateFile Create(string path, VmMark mark)
    {
        // Not FileShare.None: that would be a lock, and a reader in another process must not be able to fail a write.
        var state = new StateFile(File.OpenHandle(path, FileMode.CreateNew, FileAccess.Write, FileShare.ReadWrite | FileShare.Delete));
        state.Write(mark);
        return state;
    }

    public static StateFile Open(string path) =>
        new(File.OpenHandle(path, FileMode.Open, FileAccess.Write, FileShare.ReadWrite | FileShare.Delete));

    /// <summary>The record as it is in the file.</summary>
    public static byte[] Line(VmMark mark)
    {
        var line = new byte[StateText.Bytes];
        StateText.Format(mark, line);
        return line;
    }

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
            var (mark, problem) = StateText.Parse(RecordBytes.Read(path, MostBytes));
            return (mark, problem is null ? null : $"{path}: {problem}");
        }
        catch (Exception fault) when (!HostFailures.IsShortage(fault))
        {
            return (null, $"{path} cannot be read: {fault.Message}");
        }
    }
}
