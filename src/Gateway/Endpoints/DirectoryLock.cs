using System.Globalization;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using VmCacheCluster.Hypervisor.Qemu.Records;

namespace VmCacheCluster.Gateway.Endpoints;

/// <summary>
/// One directory, locked: an flock on itself, as all versions take it, so that neither another name of it nor the removal of all that is in
/// it makes a difference. No program that this one starts inherits it, and the kernel ends it with its owner.
/// </summary>
internal sealed class DirectoryLock : IDisposable
{
    private const int WouldBlock = 11;

    /// <summary>A cleaner of temporary files holds such a lock for a moment.</summary>
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(50);

    private readonly SafeFileHandle _file;

    private DirectoryLock(string key, string path, FileState identity, SafeFileHandle file)
        => (Key, Path, Identity, _file) = (key, path, identity, file);

    public string Key { get; }

    public string Path { get; }

    public FileState Identity { get; }

    /// <summary>Locks it. Its mode stays as it is: others may share a directory that somebody made for more than this daemon.</summary>
    /// <returns>Null: nothing to guard, for we cannot write there; or its file system knows no such locks.</returns>
    /// <exception cref="EndpointRefusedException">Another process has it, or it cannot be opened.</exception>
    public static DirectoryLock? Take(string key, string directory, int tries)
    {
        const int writeAndSearch = 2 | 1, here = -100, asEffectiveUser = 0x200;
        const int readOnlyDirectoryCloseOnExec = 0x10000 | 0x80000, exclusiveNow = 2 | 4;
        if (Access(here, directory, writeAndSearch, asEffectiveUser) != 0) return null;
        var file = new SafeFileHandle(Open(directory, readOnlyDirectoryCloseOnExec), ownsHandle: true);
        if (file.IsInvalid)
        {
            var why = Marshal.GetLastPInvokeErrorMessage();
            throw new EndpointRefusedException(
                $"{key} {directory} ({Rights(directory)}) cannot be opened: {why}; "
                + $"make it {Environment.UserName}'s own (chown, chmod 700), or name another {key}");
        }

        try
        {
            var identity = FileState.Of(file);
            for (var tried = 1; Flock(file, exclusiveNow) != 0; tried++)
            {
                if (Marshal.GetLastPInvokeError() != WouldBlock)
                {
                    file.Dispose();
                    return null;
                }

                if (tried == tries) throw new EndpointRefusedException(Taken(key, directory, identity));
                Thread.Sleep(Pause);
            }

            return new DirectoryLock(key, directory, identity, file);
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    public void Dispose() => _file.Dispose();

    private static string Taken(string key, string directory, FileState identity)
    {
        var pid = Holder(identity);
        if (pid is not null && Trust.OwnerOf("/proc/" + pid) is { } user
            && user != 0 && user != Trust.Us && user != Trust.OwnerOf(directory))
        {
            return $"{key} {directory} ({Rights(directory)}) is locked by process {pid} of user {user}, which is no vmcached of ours: "
                + $"end that process, and keep others from it (chmod go-rw {directory}); or name another {key}";
        }

        var holder = pid is null ? "" : $" (pid {pid})";
        return $"{key} {directory} belongs to a running vmcached{holder}, whose VMs are in it: "
            + $"stop that one first, or name another {key} for this one (vmcache.{key} in its configuration)";
    }

    private static string Rights(string directory)
        => $"of user {Trust.OwnerOf(directory)}, mode {Convert.ToString((int)File.GetUnixFileMode(directory), 8).PadLeft(4, '0')}";

    /// <summary>Whose lock it is, as the kernel's list of locks has it: <c>1: FLOCK  ADVISORY  WRITE 4711 00:2d:42 0 EOF</c>.</summary>
    private static string? Holder(FileState identity)
    {
        var inode = ":" + identity.Inode.ToString(CultureInfo.InvariantCulture);
        try
        {
            foreach (var line in File.ReadLines("/proc/locks"))
            {
                var words = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
                if (words is [_, "FLOCK", _, "WRITE" or "READ", var pid, var file, ..]
                    && file.EndsWith(inode, StringComparison.Ordinal) && pid is not "0") return pid;
            }
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            // Then without its pid.
        }

        return null;
    }

    [DllImport("libc", EntryPoint = "faccessat", SetLastError = true)]
    private static extern int Access(int directory, [MarshalAs(UnmanagedType.LPUTF8Str)] string path, int rights, int flags);

    [DllImport("libc", EntryPoint = "open", SetLastError = true)]
    private static extern int Open([MarshalAs(UnmanagedType.LPUTF8Str)] string path, int flags);

    [DllImport("libc", EntryPoint = "flock", SetLastError = true)]
    private static extern int Flock(SafeFileHandle file, int operation);
}
