using System.Runtime.InteropServices;

namespace VmCacheCluster.Hypervisor.Qemu.Processes;

/// <summary>Files as the system calls have them: what .NET would wait at, or lock, or follow.</summary>
internal static unsafe partial class Native
{
    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int OpenFile(string path, int flags);

    [LibraryImport("libc", EntryPoint = "fstat", SetLastError = true)]
    public static partial int FileStat(int fd, byte* stat);
}
