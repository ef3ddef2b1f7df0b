using System.Globalization;
using System.Net.Sockets;
using VmCacheCluster.Client;
using VmCacheCluster.Tests.EndToEnd.Support;
using VmCacheCluster.Tests.TestSupport;

namespace VmCacheCluster.Tests.EndToEnd;

/// <summary>A daemon that may have few descriptors: it says so, and neither callers nor VMs take the last ones.</summary>
[Trait("Category", "Fake")]
public sealed class DescriptorSpecs : HouseSpecs
{
    private const int ConfigurationExit = 78;

    [Theory]
    [InlineData(120)]
    [InlineData(180)]
    [InlineData(250)]
    public async Task Refuses_to_start_and_names_limit_and_remedy_when_there_are_too_few_descriptors_for_itself(int files)
    {
        var daemon = House.StartWithFiles(files, House.Fakes(1));

        await AssertRefusedAsync(daemon, files);
    }

    [Fact]
    public async Task Refuses_to_start_and_names_the_need_when_there_are_too_few_descriptors_for_its_pools()
    {
        var daemon = House.StartWithFiles(512, House.Fakes(40));

        await AssertRefusedAsync(daemon, 512);
        Assert.Contains("vm-cache-number 40", daemon.Log, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Serves_those_whom_it_let_in_and_tells_the_limit_when_idle_clients_want_more_descriptors_than_there_are()
    {
        var daemon = House.StartWithFiles(512, House.Fakes(2));
        await daemon.WarmAsync();
        var idle = await ConnectAsync(600);
        try
        {
            await Eventually.Async(() => daemon.Log.Contains("max-connections", StringComparison.Ordinal) && Closed(idle) > 400, "most are closed, and it is told", () => $"{Closed(idle)} are closed\n{daemon.Log}");
            await using (var vm = await daemon.Client.AcquireAsync("", new AcquireOptions { Timeout = HandedOut.Timeout }))
                Assert.True(Processes.IsAlive(vm.Vm.Pid));
            await daemon.WarmAsync();
            var status = await daemon.Client.GetStatusAsync(HandedOut.Timeout);
            Assert.Equal((512u, status.LocalConnections.Limit), (status.OpenFiles.Limit, status.LocalConnections.Used));

            // A few at a time are told why; others are hung up on, as the last of the idle ones may just have been.
            VmCacheException? refused = null;
            await Eventually.Async(
                async () =>
                {
                    using var stranger = VmCacheClient.Open(House.Endpoint);
                    refused = await Assert.ThrowsAsync<VmCacheException>(() => stranger.GetStatusAsync(HandedOut.Timeout));
                    return refused.Reason == Reasons.TooManyConnections;
                },
                "a caller is told that there are too many connections", () => $"{refused}");
            Assert.Contains("connections", refused!.Message, StringComparison.Ordinal);
        }
        finally
        {
            idle.ForEach(s => s.Dispose());
        }

        using var later = VmCacheClient.Open(House.Endpoint);
        await Eventually.Async(async () => await AnswersAsync(later), "there is room again when the idle ones are gone", () => daemon.Log);
        Assert.Equal(1, daemon.Log.Split("which is the most").Length - 1);
    }

    [Fact]
    public async Task Makes_no_more_vms_and_says_why_when_the_last_descriptors_would_go()
    {
        var daemon = House.StartWithFiles(480, House.Fakes(1));
        await daemon.WarmAsync();
        var held = new List<LeasedVm>();
        var refused = false;
        while (!refused && held.Count < 200)
        {
            try
            {
                held.Add(await daemon.Client.AcquireAsync("", new AcquireOptions { AutomaticRenewal = false, Timeout = TimeSpan.FromSeconds(10) }));
            }
            catch (VmCacheException)
            {
                refused = true;
            }
        }

        await daemon.PoolAsync(p => p.Reason.Contains("descriptors left", StringComparison.Ordinal), $"it is told why there are no more than {held.Count} VMs");
        Assert.InRange(held.Count, 20, 100);
        foreach (var vm in held) await vm.DisposeAsync();
        await daemon.WarmAsync();
        Assert.False(daemon.HasExited);
    }

    private async Task AssertRefusedAsync(DaemonProcess daemon, int files)
    {
        var exit = await daemon.ExitedAsync();
        Assert.True(exit == ConfigurationExit, $"status {exit}\n{daemon.Log}");
        Assert.All([files.ToString(CultureInfo.InvariantCulture), "LimitNOFILE=", "ulimit -n"], w => Assert.Contains(w, daemon.Log, StringComparison.Ordinal));
        Assert.DoesNotContain("   at ", daemon.Log, StringComparison.Ordinal);
        House.AssertNothingLeft();
    }

    private async Task<List<Socket>> ConnectAsync(int number)
    {
        var idle = new List<Socket>();
        using var limit = new CancellationTokenSource(Eventually.Patience);
        while (idle.Count < number)
        {
            var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
            idle.Add(socket);
            try
            {
                await socket.ConnectAsync(new UnixDomainSocketEndPoint(House.Endpoint), limit.Token);
            }
            catch (Exception e) when (e is SocketException or OperationCanceledException)
            {
                // Whoever does not get through any more is no less a client.
                break;
            }
        }

        return idle;
    }

    /// <summary>Those that the daemon has hung up on; what it said before is read and forgotten.</summary>
    private static int Closed(List<Socket> sockets)
    {
        var buffer = new byte[4096];
        return sockets.Count(Ended);

        bool Ended(Socket socket)
        {
            try
            {
                while (socket.Poll(0, SelectMode.SelectRead))
                    if (socket.Receive(buffer) == 0) return true;
                return false;
            }
            catch (SocketException)
            {
                return true;
            }
        }
    }

    private static async Task<bool> AnswersAsync(VmCacheClient client)
    {
        try
        {
            return (await client.GetStatusAsync(HandedOut.Timeout)).Pid > 0;
        }
        catch (VmCacheException)
        {
            return false;
        }
    }
}
