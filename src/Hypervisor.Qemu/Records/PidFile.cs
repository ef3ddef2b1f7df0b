using System.Globalization;
using System.Text;
using VmCacheCluster.Domain;

namespace VmCacheCluster.Hypervisor.Qemu.Records;

/// <summary>QEMU's pid, for people and scripts. The daemon reads it where the record is lost.</summary>
internal static class PidFile
{
    private const int Most = 64;

    /// <exception cref="IOException">It cannot be written.</exception>
    public static void Write(VmFacts facts) =>
        AtomicFile.Write(QemuPaths.PidFile(facts.Paths), Encoding.ASCII.GetBytes(facts.Process.Pid.ToString(CultureInfo.InvariantCulture) + "\n"));

    /// <summary>What it says; null: that is no pid, or there is none.</summary>
    public static int? Read(VmPaths paths)
    {
        try
        {
            var text = Encoding.ASCII.GetString(RecordBytes.Read(QemuPaths.PidFile(paths), Most)).Trim();
            return int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var pid) ? pid : null;
        }
        catch (Exception fault) when (!HostFailures.IsShortage(fault))
        {
            return null;
        }
    }
}
