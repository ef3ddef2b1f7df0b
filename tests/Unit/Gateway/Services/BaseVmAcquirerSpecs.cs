using Akka.Actor;
using Akka.Hosting;
using Grpc.Core;
using VmCacheCluster.Actors.Gateway;
using VmCacheCluster.Actors.Vms;
using VmCacheCluster.Domain;
using VmCacheCluster.Domain.Ports;
using VmCacheCluster.Gateway.Pools;
using VmCacheCluster.Gateway.Services;
using VmCacheCluster.Tests.TestSupport;

namespace VmCacheCluster.Tests.Unit.Gateway.Services;

public sealed class BaseVmAcquirerSpecs
{
    [Fact]
    public async Task Gives_the_vm_back_when_the_caller_left_after_the_grant()
    {
        await using var vm = new ScriptedGateway();
        using var leave = new CancellationTokenSource();
        var acquirer = new BaseVmAcquirer(new GrantingGateway(vm.ActorRef, leave.Cancel), new HostPools(Options.Pools, new Dictionary<PoolName, VmCacheCluster.Gateway.Configuration.KataServed>()), TimeProvider.System);

        var fault = await Assert.ThrowsAsync<RpcException>(
            () => acquirer.AcquireAsync(PoolName.Default, HandOutPath.V1, DateTime.MaxValue, leave.Token, Wish));

        Assert.Equal(StatusCode.Cancelled, fault.StatusCode);
        await Eventually.Async(() => vm.Messages.OfType<ReturnVm>().Any(), "the VM is told");
        Assert.Equal(ServiceHost.Id, vm.Only<ReturnVm>().Id);
    }

    [Fact]
    public async Task Gives_the_vm_back_when_the_deadline_passed_before_the_answer()
    {
        await using var vm = new ScriptedGateway();
        var time = new ManualTime();
        var acquirer = new BaseVmAcquirer(
            new GrantingGateway(vm.ActorRef, () => time.Advance(TimeSpan.FromSeconds(11))),
            new HostPools(Options.Pools, new Dictionary<PoolName, VmCacheCluster.Gateway.Configuration.KataServed>()), time);
        var deadline = time.GetUtcNow().UtcDateTime.AddSeconds(10);

        var fault = await Assert.ThrowsAsync<RpcException>(
            () => acquirer.AcquireAsync(PoolName.Default, HandOutPath.V1, deadline, CancellationToken.None, Wish));

        Assert.Equal(StatusCode.DeadlineExceeded, fault.StatusCode);
        await Eventually.Async(() => vm.Messages.OfType<ReturnVm>().Any(), "the VM is told");
    }

    [Theory]
    [InlineData(HandOutPath.Kata)]
    [InlineData(HandOutPath.V1)]
    public async Task Asks_for_no_vm_when_the_deadline_is_over(HandOutPath path)
    {
        await using var vm = new ScriptedGateway();
        var (time, asked) = (new ManualTime(), false);
        var acquirer = new BaseVmAcquirer(
            new GrantingGateway(vm.ActorRef, () => asked = true),
            new HostPools(Options.Pools, new Dictionary<PoolName, VmCacheCluster.Gateway.Configuration.KataServed>()), time);

        var fault = await Assert.ThrowsAsync<RpcException>(
            () => acquirer.AcquireAsync(PoolName.Default, path, time.GetUtcNow().UtcDateTime, CancellationToken.None, path == HandOutPath.V1 ? Wish : null));

        Assert.Equal((StatusCode.DeadlineExceeded, false), (fault.StatusCode, asked));
    }

    /// <summary>Timers of the runtime take no more than 49 days.</summary>
    [Fact]
    public async Task Takes_a_deadline_that_is_months_away()
    {
        await using var vm = new ScriptedGateway();
        var acquirer = new BaseVmAcquirer(
            new GrantingGateway(vm.ActorRef, () => { }),
            new HostPools(Options.Pools, new Dictionary<PoolName, VmCacheCluster.Gateway.Configuration.KataServed>()), TimeProvider.System);

        var granted = await acquirer.AcquireAsync(PoolName.Default, HandOutPath.V1, DateTime.UtcNow.AddDays(90), CancellationToken.None, Wish);

        Assert.Equal(ServiceHost.Id, granted.Facts.Id);
    }

    private static LeaseWish Wish { get; } = new(0, 0, null, new Dictionary<string, string>(), null, "", WarmWish.Prefer, LateBinding.None, false);

    private static NodeOptions Options { get; } = new()
    {
        TemplateDirectory = "/run/x/templates", Templates = new TemplateLimits(TimeSpan.FromDays(1), null),
        Endpoint = "/run/x/cache.sock", RunDirectory = "/run/x", ClientDirectory = "/run/x/client", BootParallelism = 1, Memory = new MemoryLimits(0, null),
        Stop = new StopDeadlines(TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(1)),
        Pools = [ServiceHost.Pool()],
    };

    /// <summary>Grants the VM before the acquirer can wait for it; then the caller leaves.</summary>
    private sealed class GrantingGateway(IActorRef vm, Action leave) : MinimalActorRef, IRequiredActor<GatewayActor>
    {
        public override ActorPath Path => throw new NotSupportedException();

        public override IActorRefProvider Provider => throw new NotSupportedException();

        public IActorRef ActorRef => this;

        public Task<IActorRef> GetAsync(CancellationToken cancellationToken = default) => Task.FromResult(ActorRef);

        protected override void TellInternal(object message, IActorRef sender)
        {
            Assert.True(((AcquireBaseVm)message).Ticket.TryAnswer(ServiceHost.Granted(vm)));
            leave();
        }
    }
}
