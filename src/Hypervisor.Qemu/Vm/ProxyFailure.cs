using VmCacheCluster.Domain;
using VmCacheCluster.Hypervisor.Qemu.Processes;

namespace VmCacheCluster.Hypervisor.Qemu.Vm;

/// <summary>Why kata-proxy did not start, and what to do about that.</summary>
internal static class ProxyFailure
{
    private const string What = "kata-proxy did not start: ";
    private const string Without = "leave the table [proxy.kata] out: connections are multiplexed without it, too";

    public static VmFailure NotExecutable(string why) =>
        new(VmFailureKind.Configuration, What + why, $"name kata-proxy's path in [proxy.kata], or {Without}");

    public static VmFailure Silent(string program, string socket, TimeSpan limit) => new(
        VmFailureKind.Configuration, $"{What}{program} did not listen on {socket} within {limit.TotalSeconds:0} s",
        $"check that [proxy.kata] names kata-proxy, or {Without}");

    /// <param name="how">It ended, such as "exited with status 1".</param>
    /// <param name="said">The last that it wrote.</param>
    /// <param name="syslog">Somebody takes what programs of this host write to the system's log.</param>
    public static VmFailure Ended(string program, string how, string said, bool syslog)
    {
        var ended = $"{What}{program} {how}{(said.Length > 0 ? ": " + said : "")}";
        return syslog || !MayBeSyslog(said)
            ? new VmFailure(VmFailureKind.Configuration, ended, $"see what it says; check that [proxy.kata] names kata-proxy, or {Without}")
            : new VmFailure(
                VmFailureKind.Host, $"{ended}; nobody listens on {SyslogSocket.Usual}, and kata-proxy ends where it cannot log there",
                $"start a syslog daemon, or systemd-journald with systemd-journald-dev-log.socket; or {Without}");
    }

    /// <summary>It says "Unix syslog delivery error". A word on something else is of something else.</summary>
    private static bool MayBeSyslog(string said) =>
        said.Length == 0 || said.Contains("syslog", StringComparison.OrdinalIgnoreCase)
            || said.Contains(SyslogSocket.Usual, StringComparison.Ordinal);
}
