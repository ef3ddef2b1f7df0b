namespace VmCacheCluster.Hypervisor.Qemu.Records;

/// <summary>Reads a record whole, which others may have spoiled.</summary>
internal static class RecordBytes
{
    private const int Most = 1024 * 1024;

    /// <exception cref="InvalidDataException">It is a link, or larger than any record of ours.</exception>
    public static byte[] Read(string path)
    {
        var file = new FileInfo(path);
        if (file.LinkTarget is not null) throw new InvalidDataException("it is a symbolic link");
        return file.Length <= Most ? File.ReadAllBytes(path) : throw new InvalidDataException($"it has {file.Length} bytes");
    }
}
