using System.Globalization;
using System.Net.Sockets;
using VmCacheCluster.Client;
using VmCacheCluster.Tests.EndToEnd.Support;
using VmCacheCluster.Tests.TestSupport;

namespace VmCacheCluster.Tests.EndToEnd;

/// <summary>A daemon that may have few descriptors: it says so, and neither callers nor VMs take the last ones.</summary>
[Trait("Category", "Fake")]
[Collection(AloneCollection.Name)]
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

    [Theory]
    [InlineData(128)]
    [InlineData(256)]
    public async Task Tells_its_usage_and_version_and_what_is_wrong_with_flags_also_with_few_descriptors(int files)
    {
        Assert.Contains("--config", await OfAsync("--help", 0), StringComparison.Ordinal);
        Assert.Matches(@"^\d+\.\d+\.\d+", await OfAsync("--version", 0));
        Assert.Contains("--confg", await OfAsync("--confg", 1), StringComparison.Ordinal);

        async Task<string> OfAsync(string flag, int exit)
        {
            string[] arguments = [$"--nofile={files}", Dist.Daemon, flag];
            var daemon = DaemonProcess.StartProgram("prlimit", House.Endpoint, Eventually.Patience, arguments);
            Assert.True(await daemon.ExitedAsync() == exit, daemon.Log);
            return daemon.Log;
        }
    }

    [Fact]
    public async Task Refuses_a_pool_for_which_there_are_too_few_descriptors_as_the_next_start_would()
    {
        var daemon = House.StartWithFiles(512, House.Fakes(1));
        await daemon.WarmAsync();

        foreach (string[] dry in (string[][])[["--dry-run"], []])
        {
            var refused = await ApplyAsync("web { vm-cache-number = 40 }", dry);
            Assert.Equal(2, refused.ExitCode);
            Assert.All(["512", "vm-cache-number 41", "LimitNOFILE=", "ulimit -n"], w => Assert.Contains(w, refused.Error, StringComparison.Ordinal));
        }

        Assert.Equal("pool web: added\n", (await ApplyAsync("web { vm-cache-number = 2 }")).Out);
        await daemon.WarmAsync("web");
        // Callers get fewer connections than before, as the VMs keep descriptors.
        Assert.Equal((512u - 300 - 3 * 10 - 8 * 8 - 32) / 2, (await daemon.Client.GetStatusAsync(HandedOut.Timeout)).LocalConnections.Limit);
    }

    [Fact]
    public async Task Starts_with_the_pools_of_its_file_when_it_may_have_too_few_descriptors_for_those_that_were_applied()
    {
        var daemon = House.StartWithFiles(4096, House.Fakes(1));
        await daemon.WarmAsync();
        string[] pools = ["web", "job"];
        foreach (var pool in pools) Assert.Equal(0, (await ApplyAsync($"{pool} {{ vm-cache-number = 30 }}")).ExitCode);
        await daemon.TerminateAsync();

        daemon = House.StartWithFiles(512, House.Fakes(1));
        await daemon.WarmAsync();
        var problem = Assert.Single((await daemon.Client.GetStatusAsync(HandedOut.Timeout)).Problems);
        var list = (await CliRun.SucceedingAsync(House.Endpoint, "pool", "list")).Out;
        foreach (var words in (string[])["cannot be used on this host", "512", "vm-cache-number 61", "LimitNOFILE="])
            Assert.All([problem, list, daemon.Log], told => Assert.Contains(words, told, StringComparison.Ordinal));

        // One after the other is deleted, though what is left cannot be used either.
        foreach (var pool in pools)
            Assert.Equal($"pool {pool}: deleted\n", (await CliRun.SucceedingAsync(House.Endpoint, "pool", "delete", pool)).Out);
        await daemon.UntilAsync(s => s.Problems.Count == 0, "nothing is wrong any more");
        await daemon.TerminateAsync();
        daemon = House.StartWithFiles(512, House.Fakes(1));
        await daemon.WarmAsync();
        Assert.DoesNotContain("cannot be used", daemon.Log, StringComparison.Ordinal);
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

    private Task<CliRun> ApplyAsync(string pool, params string[] flags)
        => CliRun.Async(House.Endpoint, ["pool", "apply", .. flags, "-f", House.Write("pools.conf", $"vmcache.pools {{ {pool} }}")]);

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
