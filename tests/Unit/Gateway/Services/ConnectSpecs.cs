using System.Text;
using Google.Protobuf;
using Grpc.Core;
using VmCacheCluster.Actors.Gateway;
using VmCacheCluster.Client;
using VmCacheCluster.Contracts.V1;
using VmCacheCluster.Tests.TestSupport;
using VmCacheCluster.Tests.Unit.Client;

namespace VmCacheCluster.Tests.Unit.Gateway.Services;

public sealed class ConnectSpecs
{
    /// <summary>More than all that lies between a caller and a VM holds.</summary>
    private const int Much = 64 << 20;

    private static readonly string Id = ServiceHost.Id.Value;

    [Fact]
    public async Task Passes_bytes_both_ways_and_ends_when_the_vms_side_closes()
    {
        await using var vm = new VmEnd();
        await using var host = await ServiceHost.StartAsync(_ => vm.Lent);
        var accepting = vm.AcceptAsync();
        await using var stream = await ConnectAsync(host, VmSocket.Console);
        await using var guest = await accepting;

        await stream.WriteAsync("ls\n"u8.ToArray());
        Assert.Equal("ls\n", await TextAsync(guest, 3));
        await guest.WriteAsync("a b\n"u8.ToArray());
        Assert.Equal("a b\n", await TextAsync(stream, 4));
        guest.Close();

        Assert.Equal(0, await stream.ReadAsync(new byte[1]).AsTask().WaitAsync(ServiceHost.Patience));
        Assert.Equal(
            (ServiceHost.Id, ServiceHost.Token, VmCacheCluster.Domain.VmSocket.Console),
            (host.Gateway.Only<UseSocket>().Id, host.Gateway.Only<UseSocket>().Token.Value, host.Gateway.Only<UseSocket>().Socket));
    }

    [Fact]
    public async Task Passes_the_end_of_the_callers_input_on_and_the_answer_back()
    {
        await using var vm = new VmEnd();
        await using var host = await ServiceHost.StartAsync(_ => vm.Lent);
        using var call = await StartAsync(host);
        await using var guest = await vm.AcceptAsync();
        Assert.Equal(vm.Path, (await NextAsync(call))!.Connected.Socket);

        await call.RequestStream.WriteAsync(new ConnectRequest { Data = ByteString.CopyFromUtf8("last") });
        await call.RequestStream.WriteAsync(new ConnectRequest { Eof = true });
        Assert.Equal("last", await TextAsync(guest, 4));
        Assert.Equal(0, await guest.ReadAsync(new byte[1]));
        await guest.WriteAsync("answer"u8.ToArray());
        guest.Close();

        Assert.Equal("answer", (await NextAsync(call))!.Data.ToStringUtf8());
        Assert.Null(await NextAsync(call));
        Assert.Equal(StatusCode.OK, call.GetStatus().StatusCode);
    }

    [Fact]
    public async Task Loses_nothing_of_much_that_goes_both_ways()
    {
        await using var vm = new VmEnd();
        await using var host = await ServiceHost.StartAsync(_ => vm.Lent);
        var accepting = vm.AcceptAsync();
        await using var stream = await ConnectAsync(host, VmSocket.Qmp);
        await using var guest = await accepting;
        var sent = new byte[(8 << 20) + 7];
        new Random(5).NextBytes(sent);
        var received = new byte[sent.Length];

        var echoing = guest.CopyToAsync(guest);
        var sending = stream.WriteAsync(sent).AsTask();
        await stream.ReadExactlyAsync(received).AsTask().WaitAsync(ServiceHost.Patience);
        await sending;

        Assert.True(sent.AsSpan().SequenceEqual(received));
        await stream.DisposeAsync();
        await echoing.WaitAsync(ServiceHost.Patience);
    }

    [Fact]
    public async Task Reads_no_more_of_the_caller_than_the_vm_takes()
    {
        await using var vm = new VmEnd();
        await using var host = await ServiceHost.StartAsync(_ => vm.Lent);
        var accepting = vm.AcceptAsync();
        await using var stream = await ConnectAsync(host, VmSocket.Console);
        await using var guest = await accepting;

        var meter = new Meter();
        var sending = meter.FillAsync(stream);
        await Eventually.Async(meter.Stalled, "nothing more is taken of the caller");

        Assert.InRange(meter.Moved, 1, Much);
        guest.Close();
        await Assert.ThrowsAsync<VmCacheException>(() => sending.WaitAsync(ServiceHost.Patience));
    }

    [Fact]
    public async Task Reads_no_more_of_the_vm_than_the_caller_takes()
    {
        await using var vm = new VmEnd();
        await using var host = await ServiceHost.StartAsync(_ => vm.Lent);
        var accepting = vm.AcceptAsync();
        await using var stream = await ConnectAsync(host, VmSocket.Console);
        await using var guest = await accepting;

        var meter = new Meter();
        var sending = meter.FillAsync(guest);
        await Eventually.Async(meter.Stalled, "nothing more is taken of the VM");

        Assert.InRange(meter.Moved, 1, Much);
        await stream.DisposeAsync();
        await Assert.ThrowsAsync<IOException>(() => sending.WaitAsync(ServiceHost.Patience));
    }

    [Fact]
    public async Task Goes_on_after_a_read_that_was_cancelled()
    {
        await using var vm = new VmEnd();
        await using var host = await ServiceHost.StartAsync(_ => vm.Lent);
        var accepting = vm.AcceptAsync();
        await using var stream = await ConnectAsync(host, VmSocket.Console);
        await using var guest = await accepting;
        using var cancel = new CancellationTokenSource();

        var reading = stream.ReadAsync(new byte[4], cancel.Token);
        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => reading.AsTask());
        await guest.WriteAsync("more"u8.ToArray());

        Assert.Equal("more", await TextAsync(stream, 4));
    }

    [Fact]
    public async Task Closes_the_socket_when_the_caller_leaves()
    {
        await using var vm = new VmEnd();
        await using var host = await ServiceHost.StartAsync(_ => vm.Lent);
        var accepting = vm.AcceptAsync();
        var stream = await ConnectAsync(host, VmSocket.Console);
        await using var guest = await accepting;

        await stream.DisposeAsync();

        Assert.Equal(0, await guest.ReadAsync(new byte[1]).AsTask().WaitAsync(ServiceHost.Patience));
        await Assert.ThrowsAsync<ObjectDisposedException>(() => stream.ReadAsync(new byte[1]).AsTask());
    }

    [Fact]
    public async Task Closes_the_socket_when_the_daemon_stops()
    {
        await using var vm = new VmEnd();
        await using var host = await ServiceHost.StartAsync(_ => vm.Lent);
        var accepting = vm.AcceptAsync();
        await using var stream = await ConnectAsync(host, VmSocket.Console);
        await using var guest = await accepting;

        host.BeginStop();

        Assert.Equal((StatusCode.Unavailable, "STOPPING"), await EndAsync(stream));
        Assert.Equal(0, await guest.ReadAsync(new byte[1]).AsTask().WaitAsync(ServiceHost.Patience));
    }

    /// <summary>When a VM dies, its sockets are closed first.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Says_so_when_the_vm_ends(bool closedFirst)
    {
        await using var vm = new VmEnd();
        await using var host = await ServiceHost.StartAsync(_ => vm.Lent);
        var accepting = vm.AcceptAsync();
        await using var stream = await ConnectAsync(host, VmSocket.Qmp);
        await using var guest = await accepting;

        if (closedFirst) guest.Close();
        vm.Over.SetResult(new VmRefused(ServiceHost.Id, RefusalKind.NotFound, "VM x is ending: its lease expired"));

        var fault = await Assert.ThrowsAsync<VmCacheException>(() => stream.ReadAsync(new byte[1]).AsTask().WaitAsync(ServiceHost.Patience));
        Assert.Equal((StatusCode.NotFound, "UNKNOWN_VM", "VM x is ending: its lease expired"), (fault.Code, fault.Reason, fault.Message));
        if (!closedFirst) Assert.Equal(0, await guest.ReadAsync(new byte[1]).AsTask().WaitAsync(ServiceHost.Patience));
    }

    [Theory]
    [InlineData(RefusalKind.NotFound, StatusCode.NotFound, "UNKNOWN_VM")]
    [InlineData(RefusalKind.StaleToken, StatusCode.FailedPrecondition, "STALE_TOKEN")]
    [InlineData(RefusalKind.WrongState, StatusCode.FailedPrecondition, "WRONG_STATE")]
    public async Task Says_why_the_vms_actor_refuses(RefusalKind kind, StatusCode code, string reason)
    {
        await using var host = await ServiceHost.StartAsync(_ => new VmRefused(ServiceHost.Id, kind, "because"));

        var fault = await Assert.ThrowsAsync<VmCacheException>(() => ConnectAsync(host, VmSocket.Agent));

        Assert.Equal((code, reason, "because"), (fault.Code, fault.Reason, fault.Message));
    }

    [Fact]
    public async Task Says_so_when_another_client_is_on_the_socket()
    {
        await using var vm = new VmEnd();
        var time = new StepTime();
        await using var host = await ServiceHost.StartAsync(_ => vm.Lent, time);

        var connecting = ConnectAsync(host, VmSocket.Qmp);
        await time.NextDelayAsync();
        time.Fire();

        var fault = await Assert.ThrowsAsync<VmCacheException>(() => connecting);
        Assert.Equal((StatusCode.FailedPrecondition, "SOCKET_BUSY"), (fault.Code, fault.Reason));
        Assert.Contains(vm.Path, fault.Message);
    }

    [Fact]
    public async Task Says_so_when_there_is_no_such_socket()
    {
        await using var vm = new VmEnd();
        await using var host = await ServiceHost.StartAsync(_ => vm.Lent with { Address = vm.Path + ".gone" });

        var fault = await Assert.ThrowsAsync<VmCacheException>(() => ConnectAsync(host, VmSocket.Qmp));

        Assert.Equal((StatusCode.FailedPrecondition, "SOCKET_FAILED"), (fault.Code, fault.Reason));
        Assert.Contains(vm.Path + ".gone", fault.Message);
    }

    [Fact]
    public async Task Wants_the_start_first_and_only_once()
    {
        await using var vm = new VmEnd();
        await using var host = await ServiceHost.StartAsync(_ => vm.Lent);
        var start = new ConnectRequest { Start = new ConnectStart { Id = Id, Token = ServiceHost.Token, To = VmSocket.Console } };

        Assert.Equal(StatusCode.InvalidArgument, await RefusalAsync(host, new ConnectRequest { Eof = true }));
        Assert.Equal(StatusCode.InvalidArgument, await RefusalAsync(host, new ConnectRequest { Start = new ConnectStart { Id = "x", Token = ServiceHost.Token, To = VmSocket.Qmp } }));
        Assert.Equal(StatusCode.InvalidArgument, await RefusalAsync(host, new ConnectRequest { Start = new ConnectStart { Id = Id, Token = "x", To = VmSocket.Qmp } }));
        Assert.Equal(StatusCode.InvalidArgument, await RefusalAsync(host, new ConnectRequest { Start = new ConnectStart { Id = Id, Token = ServiceHost.Token } }));
        Assert.Empty(host.Gateway.Messages);
        var accepting = vm.AcceptAsync();
        Assert.Equal(StatusCode.InvalidArgument, await RefusalAsync(host, start, start));
        await using var guest = await accepting;
        Assert.Equal(0, await guest.ReadAsync(new byte[1]).AsTask().WaitAsync(ServiceHost.Patience));
    }

    private static async Task<StatusCode> RefusalAsync(ServiceHost host, params ConnectRequest[] requests)
    {
        using var call = host.Calls.Connect();
        foreach (var request in requests) await call.RequestStream.WriteAsync(request);
        var fault = await Assert.ThrowsAsync<RpcException>(async () =>
        {
            while (await NextAsync(call) is not null)
            {
            }
        });
        return fault.StatusCode;
    }

    private static async Task<AsyncDuplexStreamingCall<ConnectRequest, ConnectResponse>> StartAsync(ServiceHost host)
    {
        var call = host.Calls.Connect();
        await call.RequestStream.WriteAsync(new ConnectRequest { Start = new ConnectStart { Id = Id, Token = ServiceHost.Token, To = VmSocket.Agent } });
        return call;
    }

    private static async Task<ConnectResponse?> NextAsync(AsyncDuplexStreamingCall<ConnectRequest, ConnectResponse> call) =>
        await call.ResponseStream.MoveNext(CancellationToken.None).WaitAsync(ServiceHost.Patience) ? call.ResponseStream.Current : null;

    private static Task<Stream> ConnectAsync(ServiceHost host, VmSocket to) => host.Client.ConnectAsync(Id, ServiceHost.Token, to).WaitAsync(ServiceHost.Patience);

    private static async Task<(StatusCode Code, string Reason)> EndAsync(Stream stream)
    {
        var fault = await Assert.ThrowsAsync<VmCacheException>(() => stream.ReadAsync(new byte[1]).AsTask().WaitAsync(ServiceHost.Patience));
        return (fault.Code, fault.Reason);
    }

    private static async Task<string> TextAsync(Stream stream, int length)
    {
        var text = new byte[length];
        await stream.ReadExactlyAsync(text).AsTask().WaitAsync(ServiceHost.Patience);
        return Encoding.UTF8.GetString(text);
    }

    /// <summary>Writes without an end, and sees how far it gets.</summary>
    private sealed class Meter
    {
        private long _moved;
        private long _seen = -1;
        private int _same;

        public long Moved => Interlocked.Read(ref _moved);

        /// <summary>Nothing was taken between many looks.</summary>
        public bool Stalled()
        {
            _same = Moved == _seen && _seen > 0 ? _same + 1 : 0;
            _seen = Moved;
            return _same > 20;
        }

        public async Task FillAsync(Stream to)
        {
            for (var chunk = new byte[32 * 1024]; ;)
            {
                await to.WriteAsync(chunk);
                Interlocked.Add(ref _moved, chunk.Length);
            }
        }
    }
}
