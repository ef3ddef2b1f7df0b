using System.Runtime.InteropServices;

namespace VmCacheCluster.Hypervisor.Qemu.Processes;

/// <param name="Number">What the program knows it by, 3 or more.</param>
/// <param name="File">Open, and ours to close.</param>
internal readonly record struct GivenDescriptor(int Number, SafeHandle File);
