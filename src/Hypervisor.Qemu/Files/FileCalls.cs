using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace VmCacheCluster.Hypervisor.Qemu.Files;

/// <summary>
/// Linux's calls on directories by descriptor, and on mounts. Names are bytes, as Linux has them, and end with a NUL. An int that is
/// returned is an errno, 0 when it went well. Layouts are those of x86-64.
/// </summary>
internal static unsafe partial class FileCalls
{
    public const int EPERM = 1, ENOENT = 2, EAGAIN = 11, EACCES = 13, EBUSY = 16, EXDEV = 18, ENOTDIR = 20, EISDIR = 21, EINVAL = 22,
        ENFILE = 23, EMFILE = 24, EROFS = 30, ENOSYS = 38, ENOTEMPTY = 39, ELOOP = 40;

    private const int OpenFollowing = O_PATH | O_DIRECTORY | O_CLOEXEC;
    private const int O_DIRECTORY = 0x10000, O_NOFOLLOW = 0x20000, O_CLOEXEC = 0x80000, O_PATH = 0x200000;
    private const ulong RESOLVE_NO_XDEV = 1, RESOLVE_NO_SYMLINKS = 4, RESOLVE_BENEATH = 8;
    private const int SYS_getdents64 = 217, SYS_openat2 = 437;
    private const int AT_REMOVEDIR = 0x200, AT_EMPTY_PATH = 0x1000, AT_STATX_DONT_SYNC = 0x4000;
    private const uint STATX_MNT_ID = 0x1000;
    private const ulong MS_REC = 0x4000, MS_PRIVATE = 1 << 18;
    private const int MNT_DETACH = 2;

    [StructLayout(LayoutKind.Sequential)]
    private struct OpenHow
    {
        public ulong Flags;
        public ulong Mode;
        public ulong Resolve;
    }

    public static string Text(int errno) => Marshal.GetPInvokeErrorMessage(errno);

    /// <summary>A directory by a path that is an operator's: its links and mounts are followed.</summary>
    public static int OpenDirectory(string path, out SafeFileHandle directory) => Opened(Open(path, OpenFollowing, 0), out directory);

    /// <summary>A directory in another one, to be read. EXDEV: something is mounted there. ELOOP or ENOTDIR: it is none.</summary>
    public static int OpenChild(SafeFileHandle parent, byte[] name, out SafeFileHandle child) =>
        OpenAt(parent, name, O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, RESOLVE_NO_XDEV | RESOLVE_NO_SYMLINKS | RESOLVE_BENEATH, out child);

    /// <summary>What a name in a directory leads to, no link followed: the root of the mount, where something is mounted.</summary>
    public static int OpenMounted(SafeFileHandle parent, byte[] name, out SafeFileHandle there) =>
        OpenAt(parent, name, O_PATH | O_NOFOLLOW | O_CLOEXEC, RESOLVE_NO_SYMLINKS | RESOLVE_BENEATH, out there);

    /// <summary>Removes a file, or a directory that is empty.</summary>
    public static int Unlink(SafeFileHandle parent, byte[] name, bool directory)
    {
        fixed (byte* at = name) return Errno(UnlinkAt(parent, at, directory ? AT_REMOVEDIR : 0));
    }

    public static int Rename(SafeFileHandle from, byte[] name, SafeFileHandle to, byte[] newName)
    {
        fixed (byte* before = name, after = newName) return Errno(RenameAt(from, before, to, after));
    }

    public static int Link(SafeFileHandle parent, byte[] name, string target)
    {
        fixed (byte* at = name) return Errno(SymLinkAt(target, parent, at));
    }

    /// <summary>Fills the buffer with records linux_dirent64.</summary>
    /// <param name="length">How much of it; 0 at the end.</param>
    public static int ReadEntries(SafeFileHandle directory, byte[] buffer, out int length)
    {
        fixed (byte* to = buffer) length = (int)Syscall(SYS_getdents64, directory, to, buffer.Length);
        return Errno(length);
    }

    /// <summary>The target of a link in a directory; EINVAL: it is no link.</summary>
    public static int ReadLink(SafeFileHandle parent, byte[] name, out byte[] target)
    {
        var buffer = new byte[4096];
        fixed (byte* at = name, to = buffer)
        {
            var length = ReadLinkAt(parent, at, to, (nuint)buffer.Length);
            target = length < 0 ? [] : buffer[..(int)length];
            return Errno(length);
        }
    }

    /// <summary>The number of the mount that a file is on, as in /proc/self/mountinfo.</summary>
    public static int MountOf(SafeFileHandle file, out ulong mount)
    {
        const int mask = 0, mountId = 144;
        var facts = stackalloc byte[256];
        byte empty = 0;
        mount = 0;
        // A server of files that hangs is not asked.
        if (Statx(file, &empty, AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_MNT_ID, facts) != 0) return Marshal.GetLastPInvokeError();
        // Before Linux 5.8.
        if ((*(uint*)(facts + mask) & STATX_MNT_ID) == 0) return ENOSYS;
        mount = *(ulong*)(facts + mountId);
        return 0;
    }

    /// <summary>Takes a mount, whose root this is, and all that is mounted below it out of the tree. Who is in it may stay.</summary>
    public static int Detach(SafeFileHandle mountRoot)
    {
        var path = OfDescriptor(mountRoot);
        // A directory that was mounted recursively shares the mounts below it with the host: theirs would go too.
        var errno = Errno(Mount(null, path, null, MS_REC | MS_PRIVATE, 0));
        return errno != 0 ? errno : Errno(Unmount(path, MNT_DETACH));
    }

    /// <summary>Where an open file is now.</summary>
    public static byte[] PathOf(SafeFileHandle file)
    {
        var buffer = new byte[64 * 1024];
        fixed (byte* to = buffer)
        {
            var length = ReadLink(OfDescriptor(file), to, (nuint)buffer.Length);
            return length < 0 ? [] : buffer[..(int)length];
        }
    }

    /// <summary>A path that leads to exactly this open file, whatever its names lead to meanwhile.</summary>
    private static string OfDescriptor(SafeFileHandle file) => $"/proc/self/fd/{file.DangerousGetHandle()}";

    private static int OpenAt(SafeFileHandle parent, byte[] name, int flags, ulong resolve, out SafeFileHandle opened)
    {
        var how = new OpenHow { Flags = (ulong)flags, Resolve = resolve };
        fixed (byte* at = name) return Opened((int)Syscall(SYS_openat2, parent, at, &how, sizeof(OpenHow)), out opened);
    }

    private static int Opened(int fd, out SafeFileHandle opened)
    {
        var errno = Errno(fd);
        opened = new SafeFileHandle(fd, ownsHandle: true);
        return errno;
    }

    private static int Errno(nint result) => result < 0 ? Marshal.GetLastPInvokeError() : 0;

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Open(string path, int flags, uint mode);

    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true)]
    private static partial nint Syscall(nint number, SafeFileHandle directory, byte* name, OpenHow* how, nint size);

    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true)]
    private static partial nint Syscall(nint number, SafeFileHandle directory, byte* buffer, nint size);

    [LibraryImport("libc", EntryPoint = "unlinkat", SetLastError = true)]
    private static partial int UnlinkAt(SafeFileHandle directory, byte* name, int flags);

    [LibraryImport("libc", EntryPoint = "renameat", SetLastError = true)]
    private static partial int RenameAt(SafeFileHandle from, byte* name, SafeFileHandle to, byte* newName);

    [LibraryImport("libc", EntryPoint = "symlinkat", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int SymLinkAt(string target, SafeFileHandle directory, byte* name);

    [LibraryImport("libc", EntryPoint = "readlinkat", SetLastError = true)]
    private static partial nint ReadLinkAt(SafeFileHandle directory, byte* name, byte* buffer, nuint size);

    [LibraryImport("libc", EntryPoint = "readlink", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial nint ReadLink(string path, byte* buffer, nuint size);

    [LibraryImport("libc", EntryPoint = "statx", SetLastError = true)]
    private static partial int Statx(SafeFileHandle file, byte* path, int flags, uint mask, byte* facts);

    [LibraryImport("libc", EntryPoint = "mount", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Mount(string? source, string target, string? type, ulong flags, nint data);

    [LibraryImport("libc", EntryPoint = "umount2", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Unmount(string target, int flags);
}
