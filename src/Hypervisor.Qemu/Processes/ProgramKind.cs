namespace VmCacheCluster.Hypervisor.Qemu.Processes;

internal static class ProgramKind
{
    /// <summary>Whether it begins with "#!": a wrapper, that is, which another program is started by. One that cannot be read is none.</summary>
    public static bool IsScript(string path)
    {
        Span<byte> start = stackalloc byte[2];
        try
        {
            using var file = File.OpenHandle(path);
            return RandomAccess.Read(file, start, 0) == start.Length && start.SequenceEqual("#!"u8);
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }
}
