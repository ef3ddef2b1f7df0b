using System.Net.Sockets;
using VmCacheCluster.Hypervisor.Qemu.Processes;

namespace VmCacheCluster.Tests.Unit.Qemu;

public sealed class UnixConnectionsSpecs : IDisposable
{
    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("vmc-unix-");

    private string Path => System.IO.Path.Combine(_directory.FullName, "a socket");

    public void Dispose() => _directory.Delete(recursive: true);

    [Fact]
    public void Knows_whether_somebody_is_connected_to_a_socket()
    {
        using var listener = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        listener.Bind(new UnixDomainSocketEndPoint(Path));
        listener.Listen();
        Assert.False(UnixConnections.Read()!.Any(Path));

        using (var client = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified))
        {
            client.Connect(new UnixDomainSocketEndPoint(Path));
            using var accepted = listener.Accept();
            Assert.True(UnixConnections.Read()!.Any("/another", Path));
            Assert.False(UnixConnections.Read()!.Any("/another"));
        }

        Assert.False(UnixConnections.Read()!.Any(Path));
    }

    [Fact]
    public void Knows_whether_somebody_listens_on_a_socket()
    {
        Assert.False(UnixConnections.Listens(Path));
        using var listener = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        listener.Bind(new UnixDomainSocketEndPoint(Path));
        Assert.False(UnixConnections.Listens(Path));

        listener.Listen();

        Assert.True(UnixConnections.Listens(Path));
    }

    [Fact]
    public void Bears_lines_that_it_does_not_know()
    {
        var connections = UnixConnections.Parse(
        [
            "Num       RefCount Protocol Flags    Type St Inode Path", "", "garbage", "a: b c d e zz f /x",
            "0000000000000000: 00000002 00000000 00010000 0001 01 1234 /listens", "0000000000000000: 00000003 00000000 00000000 0001 03 1235 /connected",
            "0000000000000000: 00000003 00000000 00000000 0001 03 1236",
        ]);

        Assert.Equal((false, true, false), (connections.Any("/listens"), connections.Any("/connected"), connections.Any("/x", "")));
    }
}
