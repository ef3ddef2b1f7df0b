using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;
using Google.Rpc;
using Grpc.Core;
using VmCacheCluster.Actors.Gateway;
using VmCacheCluster.Actors.Vms;
using VmCacheCluster.Client;
using VmCacheCluster.Contracts.V1;
using VmCacheCluster.Domain;
using VmCacheCluster.Tests.TestSupport;

namespace VmCacheCluster.Tests.Unit.Gateway.Services;

public sealed class AcquireSpecs
{
    [Fact]
    public async Task Passes_every_wish_on_and_answers_with_the_vm_and_its_lease()
    {
        await using var host = await ServiceHost.StartAsync();
        Grant(host);

        var answer = await host.Calls.AcquireAsync(new AcquireRequest
        {
            Vcpus = 2, MemoryMib = 512, SandboxId = "sb.1", Labels = { ["a.example/app"] = "x" }, Ttl = Duration.FromTimeSpan(TimeSpan.FromMinutes(2)),
            IdempotencyKey = "k 1", Warm = WarmPreference.Never, ClientHoldsAgent = true,
            LateBinding = new LateBinding
            {
                Hostname = "box-1", Environment = { ["A"] = "1=2" },
                Files = { new GuestFile { Path = "/etc/a..b/c", Content = ByteString.CopyFromUtf8("hi") } },
            },
        });

        var asked = host.Gateway.Only<AcquireBaseVm>();
        var wish = asked.Wish!;
        Assert.Equal((PoolName.Default, HandOutPath.V1), (asked.Pool, asked.Path));
        Assert.Equal((2, 512, "sb.1", "k 1"), (wish.MinCpus, wish.MinMemoryMiB, wish.Sandbox?.Value, wish.IdempotencyKey));
        Assert.Equal((TimeSpan.FromMinutes(2), WarmWish.Never, true), (wish.Ttl, wish.Warm, wish.ClientHoldsAgent));
        Assert.Equal(("x", "box-1", "1=2"), (wish.Labels["a.example/app"], wish.Binding.Hostname, wish.Binding.Environment["A"]));
        var file = Assert.Single(wish.Binding.Files);
        Assert.Equal(("/etc/a..b/c", 0x1A4, "hi"), (file.Path, file.Mode, System.Text.Encoding.UTF8.GetString(file.Content.Span)));

        Assert.Equal((ServiceHost.Id.Value, VmState.Leased, "default"), (answer.Vm.Id, answer.Vm.State, answer.Vm.Pool));
        Assert.Equal((2u, 512u, "/c/qmp.sock", 4711L), (answer.Vm.Cpus, answer.Vm.MemoryMib, answer.Vm.Qmp, answer.Vm.Pid));
        Assert.Equal(("x", ServiceHost.Noon), (answer.Vm.Labels["app"], answer.Vm.ExpiresAt.ToDateTimeOffset()));
        Assert.Equal((ServiceHost.Token, ServiceHost.Noon), (answer.Lease.Token, answer.Lease.ExpiresAt.ToDateTimeOffset()));
        Assert.Equal((ServiceHost.Noon.AddSeconds(30), TimeSpan.FromMinutes(5)), (answer.Lease.ConfirmBefore.ToDateTimeOffset(), answer.Lease.Ttl.ToTimeSpan()));
        Assert.Equal(("resume", TimeSpan.FromMilliseconds(4)), (answer.Timeline[0].Stage_, answer.Timeline[0].Duration.ToTimeSpan()));
        Assert.NotEmpty(answer.Host);
    }

    [Fact]
    public async Task Takes_a_late_binding_as_large_as_is_allowed()
    {
        await using var host = await ServiceHost.StartAsync();
        Grant(host);
        var request = new AcquireRequest { LateBinding = new LateBinding() };
        for (var i = 0; i < 3; i++) request.LateBinding.Files.Add(new GuestFile { Path = $"/f{i}", Content = ByteString.CopyFrom(new byte[1 << 20]) });

        await host.Calls.AcquireAsync(request);

        Assert.Equal(3 << 20, host.Gateway.Only<AcquireBaseVm>().Wish!.Binding.Files.Sum(f => f.Content.Length));
    }

    [Fact]
    public async Task Names_all_faults_at_once_and_asks_no_pool()
    {
        await using var host = await ServiceHost.StartAsync();

        var fault = await Assert.ThrowsAsync<RpcException>(() => host.Calls.AcquireAsync(new AcquireRequest
        {
            Pool = "Not A Pool", SandboxId = "../x", Ttl = new Duration(),
            LateBinding = new LateBinding { Files = { new GuestFile { Path = "/a/../b" } } },
        }).ResponseAsync);

        Assert.Equal(StatusCode.InvalidArgument, fault.StatusCode);
        var status = fault.GetRpcStatus()!;
        Assert.Equal("INVALID_REQUEST", status.GetDetail<ErrorInfo>()!.Reason);
        Assert.Equal(
            ["late_binding.files[0].path", "pool", "sandbox_id", "ttl"], status.GetDetail<BadRequest>()!.FieldViolations.Select(v => v.Field).Order());
        Assert.Contains("'../x' is no sandbox id", fault.Status.Detail);
        Assert.Empty(host.Gateway.Messages);
    }

    [Theory]
    [InlineData(RefusalKind.Exhausted, StatusCode.ResourceExhausted, "POOL_EXHAUSTED")]
    [InlineData(RefusalKind.UnknownPool, StatusCode.NotFound, "UNKNOWN_POOL")]
    [InlineData(RefusalKind.Unavailable, StatusCode.Unavailable, "UNAVAILABLE")]
    [InlineData(RefusalKind.Invalid, StatusCode.InvalidArgument, "INVALID_WISH")]
    public async Task Tells_each_refusal_of_the_pool(RefusalKind kind, StatusCode code, string reason)
    {
        await using var host = await ServiceHost.StartAsync();
        host.Gateway.OnMessage = m =>
        {
            (m as AcquireBaseVm)?.Ticket.TryAnswer(new AcquireRefused(kind, "because", TimeSpan.FromSeconds(2)));
            return null;
        };

        var fault = await Assert.ThrowsAsync<VmCacheException>(() => host.Client.AcquireAsync());

        Assert.Equal((code, reason, "because", TimeSpan.FromSeconds(2)), (fault.Code, fault.Reason, fault.Message, fault.RetryAfter));
    }

    [Fact]
    public async Task Refuses_before_the_callers_deadline()
    {
        await using var host = await ServiceHost.StartAsync();
        Grant(host);

        await host.Client.AcquireAsync("default", new AcquireOptions { Timeout = TimeSpan.FromSeconds(20), AutomaticRenewal = false });

        Assert.InRange(host.Gateway.Only<AcquireBaseVm>().Wait, TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(19));
    }

    [Fact]
    public async Task Gives_the_ticket_up_when_the_caller_leaves()
    {
        await using var host = await ServiceHost.StartAsync();
        using var leave = new CancellationTokenSource();
        var call = host.Client.AcquireAsync("default", null, leave.Token);
        await Eventually.Async(() => host.Gateway.Messages.OfType<AcquireBaseVm>().Any(), "the pool is asked");

        await leave.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => call);
        await Eventually.Async(() => host.Gateway.Messages.OfType<AcquireAbandoned>().Any(), "the ticket is abandoned");
        Assert.False(host.Gateway.Only<AcquireBaseVm>().Ticket.TryAnswer(new AcquireRefused(RefusalKind.Exhausted, "", TimeSpan.Zero)));
        Assert.Empty(host.Gateway.Messages.OfType<ReturnVm>());
    }

    private static void Grant(ServiceHost host) => host.Gateway.OnMessage = m =>
    {
        (m as AcquireBaseVm)?.Ticket.TryAnswer(ServiceHost.Granted(host.Gateway.ActorRef));
        return null;
    };
}
