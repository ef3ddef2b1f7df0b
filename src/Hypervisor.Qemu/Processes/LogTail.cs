using System.Text;

namespace VmCacheCluster.Hypervisor.Qemu.Processes;

/// <summary>The end of a log, in bounded space.</summary>
internal static class LogTail
{
    private const int Bytes = 4096;

    /// <summary>The last lines of a file; empty when it is empty or cannot be read.</summary>
    public static string Read(string path)
    {
        try
        {
            using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
            var cut = file.Length > Bytes;
            if (cut) file.Seek(-Bytes, SeekOrigin.End);
            var buffer = new byte[Bytes];
            return Last(Encoding.UTF8.GetString(buffer, 0, file.ReadAtLeast(buffer, Bytes, throwOnEndOfStream: false)), 20, cut);
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            return "";
        }
    }

    /// <summary>The last lines of a text, without blank ones and control characters.</summary>
    /// <param name="cut">The text begins in mid-line: that line is left out when others follow.</param>
    public static string Last(string text, int lines, bool cut = false)
    {
        var all = text.Split('\n').Skip(cut ? 1 : 0).Select(Clean).Where(line => line.Length > 0).ToArray();
        return string.Join('\n', all.TakeLast(lines));
    }

    private static string Clean(string line) => string.Concat(line.Where(c => !char.IsControl(c) || c == '\t')).TrimEnd();
}
