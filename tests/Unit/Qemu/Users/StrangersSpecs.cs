using VmCacheCluster.Domain;
using VmCacheCluster.Hypervisor.Qemu;
using VmCacheCluster.Hypervisor.Qemu.Users;
using Xunit;

namespace VmCacheCluster.Tests.Unit.Qemu.Users;

/// <summary>What a VM's own user cannot use is told before a VM is started, with the path.</summary>
public sealed class StrangersSpecs : IDisposable
{
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;

    private readonly DirectoryInfo _root = Directory.CreateTempSubdirectory("vmcache-strangers");
    private readonly VmUsers _users = new(UserRange.Default, "/usr/bin/setpriv");
    private readonly QemuHypervisor _hypervisor;

    public StrangersSpecs() => _hypervisor = new QemuHypervisor(
        new QemuHypervisorOptions { RunDirectory = At("run"), ClientDirectory = At("client"), Users = _users }, new LinuxHostClock());

    public void Dispose()
    {
        _users.Dispose();
        _root.Delete(recursive: true);
    }

    /// <summary>A file's directories need not be open to all: QEMU gets it open.</summary>
    [Fact]
    public async Task May_use_what_they_may_read_in_a_directory_that_they_may_not()
        => Assert.Null(await _hypervisor.PreflightAsync(Spec(), default));

    [Theory]
    [InlineData("kernel")]
    [InlineData("initrd")]
    public async Task Cannot_use_a_file_that_its_owner_alone_reads(string what)
    {
        var spec = Spec();
        File.SetUnixFileMode(At(what), OwnerOnly);

        var failure = await _hypervisor.PreflightAsync(spec, default);

        Assert.Equal($"the {what} {At(what)} cannot be read by all users, and VMs run as users of their own", failure!.Message);
        Assert.Equal($"chmod o+r {At(what)}, or set vm-users = off", failure.Remedy);
    }

    [Fact]
    public async Task Cannot_execute_a_qemu_below_a_directory_of_its_owners()
    {
        File.Copy("/bin/true", At("qemu"));

        var failure = await _hypervisor.PreflightAsync(Spec() with { Qemu = At("qemu") }, default);

        Assert.Equal($"chmod o+x {_root.FullName}, or set vm-users = off", failure!.Remedy);
    }

    /// <summary>It runs as the daemon does.</summary>
    [Fact]
    public async Task Need_no_right_to_a_wrapper()
    {
        File.WriteAllText(At("wrapper"), "#!/bin/sh\n");
        File.SetUnixFileMode(At("wrapper"), OwnerOnly);

        Assert.Null(await _hypervisor.PreflightAsync(Spec() with { Qemu = At("wrapper") }, default));
    }

    private VmSpec Spec()
    {
        foreach (var name in new[] { "kernel", "initrd" })
        {
            File.WriteAllText(At(name), name);
            File.SetUnixFileMode(At(name), OwnerOnly | UnixFileMode.OtherRead);
        }

        return new VmSpec { Pool = PoolName.Default, Qemu = "/bin/true", Kernel = At("kernel"), Initrd = At("initrd") };
    }

    private string At(string name) => Path.Combine(_root.FullName, name);
}
