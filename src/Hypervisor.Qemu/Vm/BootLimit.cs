namespace VmCacheCluster.Hypervisor.Qemu.Vm;

/// <summary>How long a guest may take until its agent answers, in words.</summary>
/// <param name="Within">"within ...".</param>
/// <param name="Remedy">When it does not come up.</param>
internal sealed record BootLimit(string Within, string Remedy)
{
    public static BootLimit BootTimeout { get; } = new(
        "within boot-timeout", "check that kernel, initrd or image and kernel parameters fit each other, or raise boot-timeout");
}
