using System.Text;

namespace VmCacheCluster.Guest.Sys;

/// <summary>The kernel's name of the machine.</summary>
internal static unsafe class HostName
{
    /// <exception cref="LinuxException">The kernel does not take it.</exception>
    public static void Set(string name)
    {
        var bytes = Encoding.UTF8.GetBytes(name);
        fixed (byte* start = bytes)
        {
            if (Libc.sethostname(start, (nuint)bytes.Length) < 0) throw LinuxException.Last($"cannot set the host name '{name}'");
        }
    }
}
