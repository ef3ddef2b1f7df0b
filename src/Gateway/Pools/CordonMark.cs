namespace VmCacheCluster.Gateway.Pools;

/// <summary>The file <c>cordoned</c> in the state directory: it is there while the host is cordoned, also across boots.</summary>
public sealed class CordonMark(string directory)
{
    private string Path => System.IO.Path.Combine(directory, "cordoned");

    public bool IsSet => File.Exists(Path);

    /// <exception cref="IOException">It could not be changed.</exception>
    public void Set(bool on)
    {
        try
        {
            if (!on)
            {
                if (IsSet) File.Delete(Path);
                return;
            }

            Directory.CreateDirectory(directory, RunDirectories.OwnerOnly);
            File.WriteAllText(Path, "vmcache node uncordon\n");
        }
        catch (UnauthorizedAccessException e)
        {
            throw new IOException(e.Message, e);
        }
    }
}
