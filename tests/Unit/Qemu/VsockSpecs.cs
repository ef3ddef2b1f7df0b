using VmCacheCluster.Domain;
using VmCacheCluster.Hypervisor.Qemu;
using VmCacheCluster.Hypervisor.Qemu.Templates;
using VmCacheCluster.Hypervisor.Qemu.Vm;
using Xunit;

namespace VmCacheCluster.Tests.Unit.Qemu;

/// <summary>VMs whose agent is reached over vsock, as far as it takes none.</summary>
public sealed class VsockSpecs : IDisposable
{
    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("vmcache-vsock");

    private VmSpec Serial => new() { Pool = PoolName.Default, Qemu = File("qemu", executable: true), Kernel = File("vmlinuz"), Initrd = File("initrd") };

    private VmSpec Vsock => Serial with { Transport = AgentTransport.Vsock };

    public void Dispose() => _directory.Delete(recursive: true);

    [Fact]
    public void Has_a_template_of_its_own_kind_that_serves_every_context_id()
    {
        var key = new TemplateKey();

        Assert.NotEqual(key.Of(Serial), key.Of(Vsock));
        Assert.Equal(key.Of(Vsock), new TemplateKey().Of(Vsock with { Pool = new PoolName("other") }));
    }

    [Fact]
    public void Has_the_revision_that_hosts_without_vsock_have_too()
        => Assert.Equal(SpecRevision.Of(Serial), SpecRevision.Of(Vsock));

    [SkippableFact]
    public async Task Is_refused_by_name_where_the_host_has_no_vsock()
    {
        Skip.If(Path.Exists(VsockAddress.HostDevice), "this host has vsock");
        var hypervisor = new QemuHypervisor(
            new QemuHypervisorOptions { RunDirectory = _directory.FullName, ClientDirectory = _directory.FullName }, new LinuxHostClock());

        Assert.Null(await hypervisor.PreflightAsync(Serial, CancellationToken.None));
        var refusal = await hypervisor.PreflightAsync(Vsock, CancellationToken.None);

        Assert.Equal(VmFailureKind.Configuration, refusal?.Kind);
        Assert.Contains(VsockAddress.HostDevice, refusal!.Message, StringComparison.Ordinal);
        Assert.Contains("agent-transport", refusal.Remedy, StringComparison.Ordinal);
    }

    [Fact]
    public void Is_no_problem_of_a_host_whose_device_can_be_used() => Assert.Null(VsockContext.Problem("/dev/null"));

    private string File(string name, bool executable = false)
    {
        var path = Path.Combine(_directory.FullName, name);
        if (System.IO.File.Exists(path)) return path;
        System.IO.File.WriteAllText(path, name);
        if (executable) System.IO.File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserExecute);
        return path;
    }
}
