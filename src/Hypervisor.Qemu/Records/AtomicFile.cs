namespace VmCacheCluster.Hypervisor.Qemu.Records;

/// <summary>Replaces a file whole: a reader sees the old contents or the new, never half of them.</summary>
internal static class AtomicFile
{
    public static void Write(string path, byte[] contents)
    {
        var temporary = path + ".new";
        try
        {
            using (var file = new FileStream(temporary, new FileStreamOptions
            {
                Mode = FileMode.Create,
                Access = FileAccess.Write,
                BufferSize = 0,
                UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite,
            }))
                file.Write(contents);
            File.Move(temporary, path, overwrite: true);
        }
        catch
        {
            File.Delete(temporary);
            throw;
        }
    }
}
