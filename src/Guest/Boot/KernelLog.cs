using System.Text;
using VmCacheCluster.Guest.Sys;

namespace VmCacheCluster.Guest.Boot;

/// <summary>Messages go to the kernel's log: it is bounded, keeps its order with the kernel's own messages, and shows on the
/// console what is severe.</summary>
internal static class KernelLog
{
    private static readonly Lazy<int> Device = new(() => Libc.open("/dev/kmsg", Linux.O_WRONLY | Linux.O_CLOEXEC, 0));

    public static void Info(string message) => Write(6, message);
    public static void Error(string message) => Write(3, message);

    private static void Write(int level, string message)
    {
        // One line, one record: the kernel takes at most 1 kB or so, and a line break would start an unmarked record.
        var text = message.ReplaceLineEndings(" | ");
        var line = Encoding.UTF8.GetBytes($"<{level}>vmcache-guest: {text[..Math.Min(text.Length, 800)]}\n");
        try
        {
            Descriptor.Write(Device.Value >= 0 ? Device.Value : 2, line);
        }
        catch (LinuxException)
        {
            // There is nowhere left to say it.
        }
    }
}
