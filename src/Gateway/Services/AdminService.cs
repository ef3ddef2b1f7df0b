using System.Reflection;
using Akka.Hosting;
using Google.Protobuf.WellKnownTypes;
using Grpc.Core;
using VmCacheCluster.Actors.Gateway;
using VmCacheCluster.Contracts.V1;
using VmCacheCluster.Domain;
using VmCacheCluster.Gateway.Audit;
using VmCacheCluster.Gateway.Cluster;
using VmCacheCluster.Gateway.Endpoints;
using VmCacheCluster.Gateway.Pools;
using VmCacheCluster.Hypervisor.Qemu.Processes;

namespace VmCacheCluster.Gateway.Services;

/// <summary>vmcache.v1.Admin.</summary>
[BindServiceMethod(typeof(CheckedBinding), nameof(CheckedBinding.BindService))]
public sealed class AdminService(
    IRequiredActor<GatewayActor> gateway, NodeOptions options, StartTime start, ClusterQueries cluster, NodeRoutes nodes, PoolCalls pools, CordonMark cordon,
    EndpointTroubles troubles, NetworkTrust trust, VmIsolation isolation, ConnectionGates? gates = null) : Admin.AdminBase
{
    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(5);

    private static readonly TimeSpan DrainTimeout = TimeSpan.FromSeconds(60);

    internal static readonly string Version =
        typeof(AdminService).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()!.InformationalVersion;

    public override async Task<NodeStatus> GetStatus(GetStatusRequest request, ServerCallContext context)
    {
        var node = (NodeView)await Edge.AskAsync(gateway.ActorRef, GetNodeView.Instance, Timeout, "the node's status", context);
        var status = new NodeStatus
        {
            Pid = Environment.ProcessId,
            Endpoint = options.Endpoint,
            RunDirectory = options.RunDirectory,
            TemplateDirectory = options.TemplateDirectory,
            Version = Version,
            StartedAt = Timestamp.FromDateTimeOffset(start.At),
            VmUsers = isolation.Users.Range?.ToString() ?? "",
            VmUsersReason = isolation.Users.Reason,
        };
        status.Pools.AddRange(node.Pools.Select(p => V1Mapping.ToPool(p, options.Endpoint)));
        if (HeldByKata(status).Any()) await Task.Run(() => AddClients(status), context.CancellationToken);
        status.Quarantined.AddRange(node.Quarantined.Select(V1Mapping.ToQuarantined));
        if (node.Trouble is { } trouble) status.Problems.Add(trouble);
        status.Problems.AddRange(troubles.Now);
        status.Problems.AddRange(trust.All.Select(t => t.Problem).OfType<string>());
        status.Problems.AddRange(isolation.Problems);
        if (pools.Problem is { Length: > 0 } problem) status.Problems.Add(problem);
        if (gates is not null) AddUsage(status, gates);
        if (request.Memory) await Task.Run(() => AddMemory(status), context.CancellationToken);
        return status;
    }

    private static IEnumerable<Vm> HeldByKata(NodeStatus status) => status.Pools.SelectMany(p => p.Vms).Where(v => v.HeldBy == HeldBy.Kata);

    private static void AddClients(NodeStatus status)
    {
        if (UnixConnections.Read() is not { } connections) return;
        foreach (var vm in HeldByKata(status)) vm.ClientConnected = connections.Any(vm.Qmp, vm.Agent, vm.Console);
    }

    private static void AddUsage(NodeStatus status, ConnectionGates gates)
    {
        status.OpenFiles = new Usage { Used = (uint)DescriptorLimit.Used, Limit = (uint)DescriptorLimit.Now };
        status.LocalConnections = Of(gates.Local);
        status.NetworkConnections.AddRange(gates.Network.Select(Of));

        static Usage Of(ConnectionGate gate) => new() { Used = (uint)gate.Open, Limit = (uint)gate.Limit };
    }

    private static void AddMemory(NodeStatus status)
    {
        foreach (var vm in status.Pools.SelectMany(p => p.Vms).Where(v => v.Pid > 0)) vm.PssKib = (ulong)(ProcessMemory.ReadPssKiB((int)vm.Pid) ?? 0);
    }

    public override async Task<ReapResponse> Reap(ReapRequest request, ServerCallContext context)
    {
        var id = CallIds.Vm(request.Id);
        AuditEntry.Concerns(context, $"quarantined VM {id}");
        var answer = await Edge.AskAsync(gateway.ActorRef, new ReapVm(id), DrainTimeout, $"the end of quarantined VM {id}", context);
        return answer is VmReaped ? new ReapResponse() : throw GrpcErrors.From((VmRefused)answer);
    }

    public override async Task<ProveKvmResponse> ProveKvm(ProveKvmRequest request, ServerCallContext context)
    {
        var answer = await Edge.AskAsync(gateway.ActorRef, ProveKvmAnew.Instance, Timeout, "the proof of KVM", context);
        if (answer is KvmNotProved not) throw GrpcErrors.NotKept(not.Reason, "vmcache.run-dir");
        return new ProveKvmResponse { Pools = { ((KvmProofsBegun)answer).Pools.Select(pool => pool.Value).Order(StringComparer.Ordinal) } };
    }

    public override Task<ClusterStatus> GetCluster(GetClusterRequest request, ServerCallContext context) => cluster.StatusAsync(context);

    public override async Task<ApplyPoolsResponse> ApplyPools(ApplyPoolsRequest request, ServerCallContext context)
    {
        var response = await pools.ApplyAsync(request, context);
        AuditEntry.Concerns(context, $"pools {string.Join(", ", response.Changes.Select(c => c.Pool))}{(request.DryRun ? ", a dry run" : "")}");
        return response;
    }

    public override Task<DeletePoolResponse> DeletePool(DeletePoolRequest request, ServerCallContext context)
    {
        AuditEntry.Concerns(context, $"pool {request.Pool}");
        return pools.DeleteAsync(request, context);
    }

    public override Task<GetPoolsResponse> GetPools(GetPoolsRequest request, ServerCallContext context) => Task.FromResult(pools.Get(request));

    public override Task<DrainResponse> Drain(DrainRequest request, ServerCallContext context)
        => nodes.AskAsync(Told(request.Node, context), () => DrainHereAsync(context), (peer, call) => peer.DrainAsync(request, call), context);

    public override Task<CordonResponse> Cordon(CordonRequest request, ServerCallContext context)
        => nodes.AskAsync(Told(request.Node, context), () => CordonHereAsync(true, new CordonResponse(), context), (peer, call) => peer.CordonAsync(request, call), context);

    public override Task<UncordonResponse> Uncordon(UncordonRequest request, ServerCallContext context)
        => nodes.AskAsync(Told(request.Node, context), () => CordonHereAsync(false, new UncordonResponse(), context), (peer, call) => peer.UncordonAsync(request, call), context);

    private static string Told(string node, ServerCallContext context)
    {
        AuditEntry.Concerns(context, node.Length > 0 ? $"host {node}" : "this host");
        return node;
    }

    private async Task<T> CordonHereAsync<T>(bool on, T done, ServerCallContext context)
    {
        try
        {
            cordon.Set(on);
        }
        catch (IOException e)
        {
            throw GrpcErrors.NotKept(e.Message);
        }

        await Edge.AskAsync(gateway.ActorRef, new CordonNode(on), Timeout, "this host", context);
        return done;
    }

    private async Task<DrainResponse> DrainHereAsync(ServerCallContext context)
    {
        var drained = (NodeDrained)await Edge.AskAsync(gateway.ActorRef, DrainNode.Instance, DrainTimeout, "the drain of this host", context);
        return new DrainResponse { WarmGivenUp = (uint)drained.GivenUp, LeasedLeft = (uint)drained.Leased };
    }
}

/// <summary>When this daemon started.</summary>
public sealed record StartTime(DateTimeOffset At);
