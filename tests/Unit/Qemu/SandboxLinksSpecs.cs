using VmCacheCluster.Domain;
using VmCacheCluster.Hypervisor.Qemu;
using VmCacheCluster.Hypervisor.Qemu.Vm;
using Xunit;

namespace VmCacheCluster.Tests.Unit.Qemu;

public sealed class SandboxLinksSpecs : IDisposable
{
    private readonly DirectoryInfo _root = Directory.CreateTempSubdirectory("sb");

    public void Dispose() => _root.Delete(recursive: true);

    [Fact]
    public void Leads_to_the_vms_directory_until_the_vm_is_removed()
    {
        var vm = Made();

        SandboxLinks.Make(vm, Sandbox("pod-1"));
        SandboxLinks.Make(vm, Sandbox("pod-1"));
        SandboxLinks.Make(vm, Sandbox("pod-2"));

        File.WriteAllText(Path.Combine(vm.Share, "file"), "here");
        Assert.Equal("here", File.ReadAllText(Path.Combine(Link("pod-1"), "share", "file")));
        Assert.True(Directory.Exists(Link("pod-2")));
        VmDirectories.Remove(vm);
        Assert.Empty(Directory.EnumerateFileSystemEntries(Path.Combine(_root.FullName, "client")));
    }

    [Fact]
    public void Refuses_a_sandbox_that_another_vm_has_and_names_that_vm()
    {
        var (one, other) = (Made(), Made());
        SandboxLinks.Make(one, Sandbox("pod"));

        var failed = Assert.Throws<VmFailedException>(() => SandboxLinks.Make(other, Sandbox("pod")));

        Assert.Equal(VmFailureKind.Configuration, failed.Failure.Kind);
        Assert.Contains(Path.GetFileName(one.ClientDirectory), failed.Failure.Message, StringComparison.Ordinal);
        VmDirectories.Remove(other);
        Assert.True(Directory.Exists(Link("pod")));
    }

    [Fact]
    public void Replaces_a_link_that_leads_nowhere()
    {
        var (one, other) = (Made(), Made());
        SandboxLinks.Make(one, Sandbox("pod"));
        Directory.Delete(one.ClientDirectory, recursive: true);

        SandboxLinks.Make(other, Sandbox("pod"));

        Assert.True(Directory.Exists(Path.Combine(Link("pod"), "share")));
        VmDirectories.Remove(one);
        Assert.True(Directory.Exists(Link("pod")));
    }

    [Fact]
    public void Leaves_alone_what_is_no_link()
    {
        var vm = Made();
        Directory.CreateDirectory(Link("pod"));

        var failed = Assert.Throws<VmFailedException>(() => SandboxLinks.Make(vm, Sandbox("pod")));

        Assert.Contains("no link to a VM", failed.Failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Refuses_a_name_that_makes_socket_paths_too_long()
    {
        var vm = Made();
        var spare = QemuPaths.MaxSocketBytes - Path.Combine(Link("x"), "console.sock").Length;
        SandboxLinks.Make(vm, Sandbox(new string('x', 1 + spare)));

        var failed = Assert.Throws<VmFailedException>(() => SandboxLinks.Make(vm, Sandbox(new string('x', 2 + spare))));

        Assert.Contains("108 bytes", failed.Failure.Message, StringComparison.Ordinal);
    }

    /// <summary>Whoever may write to the client directory can put a link there.</summary>
    [Fact]
    public void Makes_and_removes_nothing_where_a_link_in_the_place_of_its_directory_leads()
    {
        var vm = Made();
        var elsewhere = Directory.CreateDirectory(Path.Combine(_root.FullName, "elsewhere")).FullName;
        File.CreateSymbolicLink(Path.Combine(elsewhere, "pod"), $"../{Path.GetFileName(vm.ClientDirectory)}");
        File.CreateSymbolicLink(Path.Combine(_root.FullName, "client", "sandbox"), elsewhere);

        var failed = Assert.Throws<VmFailedException>(() => SandboxLinks.Make(vm, Sandbox("other")));
        VmDirectories.Remove(vm);

        Assert.Contains("no plain directory", failed.Failure.Message, StringComparison.Ordinal);
        Assert.Equal(["pod"], new DirectoryInfo(elsewhere).EnumerateFileSystemInfos().Select(i => i.Name));
        Assert.False(Directory.Exists(vm.ClientDirectory));
    }

    private VmPaths Made()
    {
        var paths = QemuPaths.For(Path.Combine(_root.FullName, "run"), Path.Combine(_root.FullName, "client"), VmId.New());
        VmDirectories.Create(paths);
        return paths;
    }

    private string Link(string sandbox) => Path.Combine(_root.FullName, "client", "sandbox", sandbox);

    private static SandboxId Sandbox(string text) => SandboxId.TryParse(text, out var id) ? id : throw new ArgumentException(text);
}
