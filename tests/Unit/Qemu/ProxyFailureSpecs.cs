using System.Net.Sockets;
using VmCacheCluster.Domain;
using VmCacheCluster.Hypervisor.Qemu.Processes;
using VmCacheCluster.Hypervisor.Qemu.Vm;

namespace VmCacheCluster.Tests.Unit.Qemu;

public sealed class ProxyFailureSpecs : IDisposable
{
    private const string Program = "/usr/libexec/kata-containers/kata-proxy", Status = "exited with status 1";

    /// <summary>What kata-proxy 1.13 says where there is no /dev/log.</summary>
    private const string NoSyslog = "level=fatal msg=\"unable to setup logger\" error=\"Unix syslog delivery error\" source=proxy";

    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("vmc-log-");

    public void Dispose() => _directory.Delete(recursive: true);

    [Theory]
    [InlineData(NoSyslog)]
    [InlineData("")]
    public void Names_the_missing_system_log_and_what_makes_one(string said)
    {
        var failure = ProxyFailure.Ended(Program, Status, said, syslog: false);

        Assert.Equal(VmFailureKind.Host, failure.Kind);
        Assert.Contains("nobody listens on /dev/log", failure.Message, StringComparison.Ordinal);
        Assert.Contains(said, failure.Message, StringComparison.Ordinal);
        Assert.Contains("systemd-journald-dev-log.socket", failure.Remedy, StringComparison.Ordinal);
        Assert.DoesNotContain("path", failure.Remedy, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(NoSyslog, true)]
    [InlineData("level=fatal msg=\"failed to dial channel\"", false)]
    public void Leaves_the_system_log_out_where_it_is_not_the_cause(string said, bool syslog)
    {
        var failure = ProxyFailure.Ended(Program, Status, said, syslog);

        Assert.Equal(VmFailureKind.Configuration, failure.Kind);
        Assert.Equal($"kata-proxy did not start: {Program} {Status}: {said}", failure.Message);
        Assert.DoesNotContain("journald", failure.Remedy, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(SocketType.Dgram)]
    [InlineData(SocketType.Stream)]
    public void Knows_whether_somebody_takes_the_log(SocketType type)
    {
        var path = Path.Combine(_directory.FullName, "log");
        Assert.False(SyslogSocket.Listens("/nowhere", path));
        using (var listener = new Socket(AddressFamily.Unix, type, ProtocolType.Unspecified))
        {
            listener.Bind(new UnixDomainSocketEndPoint(path));
            if (type == SocketType.Stream) listener.Listen(1);
            Assert.True(SyslogSocket.Listens("/nowhere", path));
        }

        // As a daemon that was killed leaves it.
        using (var left = new Socket(AddressFamily.Unix, SocketType.Dgram, ProtocolType.Unspecified))
            left.Bind(new UnixDomainSocketEndPoint(path + "2"));
        Assert.False(SyslogSocket.Listens(path, path + "2"));
    }
}
