using System.Net.Sockets;
using System.Text;
using VmCacheCluster.Tests.EndToEnd.Support;
using VmCacheCluster.Tests.TestSupport;

namespace VmCacheCluster.Tests.EndToEnd;

[Trait("Category", "Fake")]
public sealed class EndpointSpecs : HouseSpecs
{
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    [Fact]
    public async Task Makes_a_socket_of_its_owners_alone_in_a_directory_that_was_missing()
    {
        var socket = House.At("new/deep/c.sock");
        var daemon = House.StartAt(socket, House.Fakes(1));
        await daemon.WarmAsync();
        await Eventually.Async(() => File.GetUnixFileMode(socket) == OwnerOnly, "the socket is 0600");

        Assert.Equal(OwnerOnly | UnixFileMode.UserExecute, File.GetUnixFileMode(House.At("new/deep")));
        Assert.Equal(0, await daemon.TerminateAsync());
        Assert.False(Path.Exists(socket));
    }

    [Fact]
    public async Task Refuses_with_the_owners_pid_when_a_daemon_listens()
    {
        var owner = House.Start(House.Fakes(1));
        await owner.WarmAsync();

        var second = House.Start(House.Fakes(1));

        Assert.NotEqual(0, await second.ExitedAsync());
        Assert.Contains($"(pid {owner.Pid})", second.Log, StringComparison.Ordinal);
        Assert.Contains(House.Endpoint, second.Log, StringComparison.Ordinal);
        Assert.Equal(1u, (await owner.WarmAsync()).Pools[0].Warm);
    }

    /// <summary>A daemon that is just starting or stopping holds its lock and has no socket.</summary>
    [Fact]
    public async Task Refuses_with_the_owners_pid_when_the_owner_holds_the_lock_alone()
    {
        var owner = House.Start(House.Fakes(1));
        await owner.WarmAsync();
        File.Move(House.Endpoint, House.Endpoint + ".away");

        var second = House.Start(House.Fakes(1));

        Assert.NotEqual(0, await second.ExitedAsync());
        Assert.Contains($"(pid {owner.Pid})", second.Log, StringComparison.Ordinal);
        // The daemon looks every two seconds, and may have made it again.
        File.Move(House.Endpoint + ".away", House.Endpoint, overwrite: true);
    }

    [Fact]
    public async Task Refuses_with_the_owners_pid_when_another_program_listens()
    {
        using var other = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        other.Bind(new UnixDomainSocketEndPoint(House.Endpoint));
        other.Listen();

        var daemon = House.Start(House.Fakes(1));

        Assert.NotEqual(0, await daemon.ExitedAsync());
        Assert.Contains($"(pid {Environment.ProcessId})", daemon.Log, StringComparison.Ordinal);
        Assert.True(Path.Exists(House.Endpoint));
        House.AssertNoVmLeft();
    }

    [Fact]
    public async Task Takes_the_socket_over_when_nobody_listens_any_more()
    {
        var killed = House.Start(House.Fakes(0));
        await killed.ReadyAsync();
        await killed.KillAsync();
        Assert.True(Path.Exists(House.Endpoint));

        await House.Start(House.Fakes(1)).WarmAsync();
    }

    [Fact]
    public async Task Deletes_no_regular_file_at_its_endpoint()
    {
        File.WriteAllText(House.Endpoint, "a letter");

        var daemon = House.Start(House.Fakes(1));

        Assert.NotEqual(0, await daemon.ExitedAsync());
        Assert.Contains("is no socket", daemon.Log, StringComparison.Ordinal);
        Assert.Equal("a letter", File.ReadAllText(House.Endpoint));
        House.AssertNoVmLeft();
    }

    [Fact]
    public async Task Serves_on_when_clients_send_garbage_or_half_of_a_request()
    {
        var daemon = House.Start(House.Fakes(1));
        await daemon.WarmAsync();
        var random = new byte[4096];
        new Random(7).NextBytes(random);
        byte[] preface = Encoding.ASCII.GetBytes("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
        byte[] settings = [0, 0, 0, 4, 0, 0, 0, 0, 0];
        // HEADERS of 16 MB that never come.
        byte[] half = [0xff, 0xff, 0xff, 1, 4, 0, 0, 0, 1, 0x82];

        var held = new List<Socket>();
        foreach (var garbage in new[] { random, Encoding.ASCII.GetBytes("GET / HTTP/1.1\r\n\r\n"), preface, [.. preface, .. settings, .. half], [.. preface, .. settings, .. random] })
        {
            var socket = await KataSocket.ConnectAsync(House.Endpoint);
            held.Add(socket);
            await socket.SendAsync(garbage);
            // While it is still connected.
            await daemon.Client.GetStatusAsync(HandedOut.Timeout);
        }

        var vm = await daemon.Client.GetBaseVmAsync(HandedOut.Timeout);
        await HandedOut.AssertAliveAndPausedAsync(await daemon.Client.GetAsync(vm.Id, HandedOut.Timeout));
        held.ForEach(s => s.Dispose());
        Assert.Equal(daemon.Pid, (await daemon.WarmAsync()).Pid);
    }
}
