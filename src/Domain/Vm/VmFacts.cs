namespace VmCacheCluster.Domain;

/// <summary>A process, told apart from a later one with the same pid.</summary>
/// <param name="Pid">Its pid.</param>
/// <param name="StartTime">Clock ticks since the host's boot: field 22 of /proc/PID/stat.</param>
public readonly record struct ProcessIdentity(int Pid, ulong StartTime);

/// <summary>The sockets and directories of one VM, all absolute.</summary>
/// <param name="Directory">Ours alone (0700): record, supervisor socket, pid file, log.</param>
/// <param name="ClientDirectory">The client's: QMP, console and agent sockets, share. A client may delete it.</param>
public sealed record VmPaths(
    string Directory, string ClientDirectory, string Supervisor, string Qmp, string Agent, string Console, string Share)
{
    /// <summary>Where a socket of the holder's is: a path, or of an agent on the vsock bus its <see cref="VsockAddress"/>.</summary>
    public string Of(VmSocket socket) => socket switch
    {
        VmSocket.Agent => Agent,
        VmSocket.Console => Console,
        VmSocket.Qmp => Qmp,
        _ => throw new ArgumentOutOfRangeException(nameof(socket), socket, "not a socket of a VM's holder"),
    };
}

/// <summary>What the holder of a VM may connect to.</summary>
public enum VmSocket { Agent, Console, Qmp }

public enum MadeBy { Boot, Clone }

/// <summary>What is fixed about a VM once its process runs.</summary>
public sealed record VmFacts(
    VmId Id, VmSpec Spec, VmPaths Paths, ProcessIdentity Process, MadeBy MadeBy)
{
    /// <summary>The process that serves its shared files; 0: none.</summary>
    public int FileServerPid { get; init; }

    /// <summary>The process that multiplexes the connections to its agent; 0: none.</summary>
    public int ProxyPid { get; init; }

    /// <summary>The user that its QEMU runs as; null: the daemon's.</summary>
    public uint? User { get; init; }
}
