using System.Globalization;
using System.Text;
using VmCacheCluster.Domain;

namespace VmCacheCluster.Hypervisor.Qemu.Vm;

/// <summary>
/// QEMU's pid where Kata's client looks for it. It is the client's, who may write there: nothing of the daemon's ever reads it. What the
/// daemon trusts is <see cref="QemuPaths.PidFile"/>.
/// </summary>
internal static class ClientPidFile
{
    /// <summary>One that is there already stays.</summary>
    /// <exception cref="IOException">It cannot be written.</exception>
    /// <exception cref="UnauthorizedAccessException">The same.</exception>
    public static void Write(VmPaths paths, int pid)
    {
        var path = QemuPaths.ClientPidFile(paths);
        if (Path.Exists(path)) return;
        // As a new file no link is followed.
        using var file = new FileStream(path, new FileStreamOptions
        {
            Mode = FileMode.CreateNew, Access = FileAccess.Write, UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite,
        });
        file.Write(Encoding.ASCII.GetBytes(pid.ToString(CultureInfo.InvariantCulture) + "\n"));
    }
}
