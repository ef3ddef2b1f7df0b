using VmCacheCluster.Domain;
using VmCacheCluster.Hypervisor.Qemu;
using Xunit;

namespace VmCacheCluster.Tests.Unit.Qemu;

public sealed class QemuMessagesSpecs
{
    [Theory]
    [InlineData("qemu-system-x86_64: cannot set up guest memory 'dimm1': Cannot allocate memory", VmFailureKind.Host, "memory")]
    [InlineData("Could not access KVM kernel module: Permission denied\nqemu-system-x86_64: failed to initialize kvm: Permission denied", VmFailureKind.Host, "group kvm")]
    [InlineData("Could not access KVM kernel module: No such file or directory", VmFailureKind.Host, "kvm_intel")]
    [InlineData("qemu: could not open kernel file '/k': No such file or directory", VmFailureKind.Configuration, "kernel")]
    [InlineData("qemu: could not load initrd '/i'", VmFailureKind.Configuration, "initrd")]
    [InlineData("qemu-system-x86_64: cannot create PID file: No space left on device", VmFailureKind.Host, "free space")]
    [InlineData("-device vhost-vsock-pci,id=vsock,vhostfd=8,guest-cid=4242: vhost-vsock: unable to set guest cid: Address already in use", VmFailureKind.Host, "context id")]
    [InlineData("qemu-system-x86_64: something new", VmFailureKind.Start, "")]
    [InlineData("", VmFailureKind.Start, "")]
    public void Keeps_qemus_words_and_names_a_remedy(string log, VmFailureKind kind, string remedy)
    {
        var failure = QemuMessages.NotStarted("/usr/bin/qemu-system-x86_64", "exited with status 1", log);

        Assert.Equal(kind, failure.Kind);
        Assert.Contains(log.Length == 0 ? "it said nothing" : log.Split('\n')[0].Replace("qemu-system-x86_64: ", "").Replace("qemu: ", ""), failure.Message, StringComparison.Ordinal);
        Assert.StartsWith("qemu-system-x86_64 did not start", failure.Message, StringComparison.Ordinal);
        // Its name stands there once: QEMU puts it before each of its lines.
        Assert.DoesNotContain("qemu", failure.Message["qemu-system-x86_64".Length..], StringComparison.Ordinal);
        Assert.DoesNotContain('\n', failure.Message);
        if (remedy.Length == 0) Assert.Empty(failure.Remedy);
        else Assert.Contains(remedy, failure.Remedy, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("error: failed to set MSR 0x10a to 0x0", true)]
    [InlineData("ioctl(KVM_CREATE_VM) failed: 22 Invalid argument\nfailed to initialize kvm: Invalid argument", true)]
    [InlineData("-accel kvm: invalid accelerator kvm", true)]
    [InlineData("CPU model 'host' requires KVM or HVF", true)]
    [InlineData("ioctl(KVM_CREATE_VM) failed: 16 Device or resource busy\nfailed to initialize kvm: Device or resource busy", false)]
    [InlineData("Could not access KVM kernel module: No such file or directory\nfailed to initialize kvm: No such file or directory", false)]
    [InlineData("something new", false)]
    [InlineData("", false)]
    public void Knows_what_kvm_refuses_for_good(string log, bool refused)
    {
        Assert.Equal(refused, QemuMessages.RefusesKvm(QemuMessages.NotStarted("/usr/bin/qemu-system-x86_64", "exited with status 1", log)));
        Assert.Equal(refused, QemuMessages.RefusesKvm(QemuMessages.Exited("was killed by signal 6", log)));
    }

    /// <summary>A guest may write anything on its console.</summary>
    [Fact]
    public void Takes_a_guests_words_for_no_refusal_of_kvms() =>
        Assert.False(QemuMessages.RefusesKvm(new VmFailure(VmFailureKind.Boot, "the guest's agent did not answer; its last console output: failed to set MSR")));
}
