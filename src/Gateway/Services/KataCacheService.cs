using Akka.Actor;
using Akka.Hosting;
using Google.Protobuf.WellKnownTypes;
using Grpc.Core;
using VmCacheCluster.Actors.Gateway;
using VmCacheCluster.Domain;
using VmCacheCluster.Gateway.Audit;
using VmCacheCluster.Kata;
using VmCacheCluster.Kata.Wire;

namespace VmCacheCluster.Gateway.Services;

/// <summary>Kata's four calls, about the pool of the socket they came by.</summary>
[BindServiceMethod(typeof(CheckedBinding), nameof(CheckedBinding.BindService))]
public sealed class KataCacheService(
    BaseVmAcquirer acquirer, SocketPools pools, KataConfigs configs, IRequiredActor<GatewayActor> gateway, IHostApplicationLifetime lifetime)
    : CacheService.CacheServiceBase
{
    /// <summary>As Kata's server does: the answer first, then the end.</summary>
    private static readonly TimeSpan QuitDelay = TimeSpan.FromSeconds(1);

    private static readonly TimeSpan DrainTimeout = TimeSpan.FromSeconds(60);

    private static readonly TimeSpan StatusTimeout = TimeSpan.FromSeconds(5);

    public override Task<GrpcVMConfig> Config(Empty request, ServerCallContext context)
        => Task.FromResult(configs.Of(pools.Of(context).Name));

    public override async Task<GrpcVM> GetBaseVM(Empty request, ServerCallContext context)
    {
        var aborted = context.GetHttpContext().RequestAborted;
        var pool = pools.Of(context).Name;
        var granted = await acquirer.AcquireAsync(pool, HandOutPath.Kata, context.Deadline, aborted);
        AuditEntry.Concerns(context, $"VM {granted.Facts.Id} of pool {pool}");
        return GrpcVmFormat.Write(granted.Facts, configs.TargetOf(pool));
    }

    public override async Task<GrpcStatus> Status(Empty request, ServerCallContext context)
    {
        var answer = await Edge.AskAsync(gateway.ActorRef, new GetPoolView(pools.Of(context).Name), StatusTimeout, "the pool's status", context);
        var status = new GrpcStatus { Pid = Environment.ProcessId };
        if (answer is PoolView view)
        {
            status.Vmstatus.AddRange(view.Vms.Where(v => v.Life.Phase == VmPhase.Warm).Select(v => new GrpcVMStatus
            {
                Pid = v.Facts!.Process.Pid, Cpu = (uint)v.Spec.Cpus, Memory = (uint)v.Spec.MemoryMiB,
            }));
        }

        return status;
    }

    public override Task<Empty> Quit(Empty request, ServerCallContext context)
    {
        _ = QuitAsync();
        return Task.FromResult(new Empty());
    }

    /// <summary>Whoever says Quit wants the cache gone, and its warm VMs with it: other than a signal, after which the next
    /// daemon goes on with them. That they end is told at once; that they are gone is what the stop waits for.</summary>
    private async Task QuitAsync()
    {
        try
        {
            await Task.Delay(QuitDelay, lifetime.ApplicationStopping);
            await gateway.ActorRef.Ask<NodeDrained>(DrainNode.Instance, DrainTimeout, lifetime.ApplicationStopping);
        }
        catch (Exception e) when (e is AskTimeoutException or OperationCanceledException)
        {
            // Stopping already, or too busy to answer: then the warm VMs stay, for the next daemon.
        }

        lifetime.StopApplication();
    }
}
