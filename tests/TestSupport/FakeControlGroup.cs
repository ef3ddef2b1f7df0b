namespace VmCacheCluster.Tests.TestSupport;

/// <summary>A directory that stands for a control group (cgroup v2) in another one.</summary>
public sealed class FakeControlGroup : IDisposable
{
    private readonly DirectoryInfo _parent = Directory.CreateTempSubdirectory("vmc-cg");

    public FakeControlGroup()
    {
        Directory.CreateDirectory(Path);
        foreach (var directory in new[] { _parent.FullName, Path }) File.WriteAllText(System.IO.Path.Combine(directory, "cgroup.controllers"), "cpu memory pids\n");
    }

    public string Path => System.IO.Path.Combine(_parent.FullName, "vms");

    /// <param name="vm">A VM's id.</param>
    public string FileOf(string vm, string file) => System.IO.Path.Combine(Path, $"vm-{vm}", file);

    public void Dispose() => _parent.Delete(recursive: true);
}
