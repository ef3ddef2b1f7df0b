using VmCacheCluster.Domain;

namespace VmCacheCluster.Kata;

/// <summary>The VMConfig of a pool that was configured here: what its VMs really have, Kata's defaults elsewhere.</summary>
public static class PoolVmConfig
{
    private const string Seccomp = "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny";

    /// <param name="pool">The pool.</param>
    /// <param name="clientDirectory">Where its VMs' client directories are; a client finds console and share by it.</param>
    public static KataVmConfig Of(PoolOptions pool, string clientDirectory)
    {
        var spec = pool.Spec;
        return new KataVmConfig
        {
            HypervisorConfig = new KataHypervisorConfig
            {
                KernelPath = spec.Kernel,
                ImagePath = spec.Image ?? "",
                InitrdPath = spec.Initrd ?? "",
                HypervisorPath = spec.Qemu,
                HypervisorMachineType = spec.Machine == MachineType.Pc ? "pc" : "q35",
                BlockDeviceDriver = "virtio-blk",
                DisableImageNvdimm = true,
                EntropySource = spec.EntropySource,
                SharedFS = "none",
                VMStorePath = clientDirectory,
                RunStorePath = "/run/vc/sbs",
                SeccompSandbox = spec.Sandbox ? Seccomp : "",
                KernelParams = KernelLine.Split(spec.KernelParameters),
                PCIeRootPort = (uint)(spec.Machine == MachineType.Q35 ? spec.RootPorts : 0),
                NumVCPUs = (uint)spec.Cpus,
                NumVCPUsF = spec.Cpus,
                DefaultMaxVCPUs = (uint)spec.MaxCpus,
                MemorySize = (uint)spec.MemoryMiB,
                DefaultMaxMemorySize = (ulong)spec.MaxMemoryMiB,
                MemSlots = (uint)spec.MemorySlots,
                DefaultBridges = 0,
            },
        };
    }
}
