namespace VmCacheCluster.Hypervisor.Qemu.Processes;

/// <summary>The program, or what it was to be given, is at fault; not what the host lacks.</summary>
internal sealed class NotExecutableException(string message, int error = 0) : IOException(message, error);
