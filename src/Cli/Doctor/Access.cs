using System.Runtime.InteropServices;

namespace VmCacheCluster.Cli.Doctor;

/// <summary>access(2), as the kernel answers it: read-only file systems and access lists counted in.</summary>
internal static partial class Access
{
    private const int W_OK = 2;
    private const int X_OK = 1;

    internal static bool CanWrite(string directory) => access(directory, W_OK | X_OK) == 0;

    [LibraryImport("libc", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int access(string path, int mode);
}
