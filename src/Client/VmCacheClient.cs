using Google.Protobuf.WellKnownTypes;
using Grpc.Core;
using Grpc.Net.Client;
using VmCacheCluster.Contracts.V1;
using VmCacheCluster.Kata.Wire;

namespace VmCacheCluster.Client;

/// <summary>
/// A client of the node whose Unix socket it is given: Kata's <c>cache.CacheService</c> and the public <c>vmcache.v1</c>.
/// Connects at the first call; may be used by many threads. Every call fails with <see cref="VmCacheException"/>.
/// </summary>
public sealed class VmCacheClient : IDisposable
{
    private readonly GrpcChannel channel;
    private readonly CacheService.CacheServiceClient cache;
    private readonly VmCache.VmCacheClient vms;
    private readonly Admin.AdminClient admin;

    private readonly TimeProvider time;

    private VmCacheClient(string endpoint, GrpcChannel channel, TimeProvider time)
    {
        Endpoint = endpoint;
        this.time = time;
        this.channel = channel;
        cache = new CacheService.CacheServiceClient(channel);
        vms = new VmCache.VmCacheClient(channel);
        admin = new Admin.AdminClient(channel);
    }

    /// <summary>Absolute path of the node's Unix socket, or https://HOST:PORT of its gateway.</summary>
    public string Endpoint { get; }

    /// <summary>A client of the socket at <paramref name="endpoint"/>.</summary>
    /// <param name="endpoint">Absolute path of the node's Unix socket.</param>
    /// <param name="time">Of renewals and retries; null: the system's.</param>
    /// <exception cref="ArgumentException">The path cannot be a Unix socket's.</exception>
    public static VmCacheClient Open(string endpoint, TimeProvider? time = null) =>
        new(endpoint, UnixChannel.Open(endpoint), time ?? TimeProvider.System);

    /// <summary>A client of the gateway at <paramref name="gateway"/>, on whatever machine: vmcache.v1 without Kata's calls.</summary>
    /// <param name="gateway">HOST:PORT, as vmcache.gateway.listen has it.</param>
    /// <param name="tls">Who the caller is, and whom it trusts.</param>
    /// <param name="time">Of renewals and retries; null: the system's.</param>
    /// <exception cref="VmCacheException">The certificates cannot be used.</exception>
    public static VmCacheClient Open(string gateway, ClientTls tls, TimeProvider? time = null) =>
        new($"https://{gateway}", TlsChannel.Open(gateway, tls), time ?? TimeProvider.System);

    /// <summary>
    /// A VM of a pool, running and the caller's own: reseeded, its clock set, with an identity and the late binding. The lease
    /// is renewed until the VM is released or disposed: <c>await using var vm = await client.AcquireAsync("default");</c>
    /// </summary>
    /// <param name="pool">Empty: the default pool.</param>
    /// <param name="cancel">Gives up waiting; then no VM is left behind.</param>
    public async Task<LeasedVm> AcquireAsync(string pool = "", AcquireOptions? options = null, CancellationToken cancel = default)
    {
        options ??= new AcquireOptions();
        var request = options.ToRequest(pool);
        var sent = time.GetTimestamp();
        var answer = await CallAsync(call => vms.AcquireAsync(request, call), options.Timeout, cancel).ConfigureAwait(false);
        return answer is { Vm: not null, Lease: { Ttl: not null, ExpiresAt: not null } }
            ? new LeasedVm(this, answer, sent, time, options.AutomaticRenewal)
            : throw new VmCacheException(StatusCode.Internal, Reasons.BadAnswer, $"{Endpoint} answered Acquire without a VM or without a lease");
    }

    /// <summary>Prolongs a lease from now on.</summary>
    /// <param name="ttl">How long it lives from now; null: as was asked for at acquire.</param>
    public Task<Lease> RenewAsync(string id, string token, TimeSpan? ttl, TimeSpan timeout, CancellationToken cancel = default) =>
        CallAsync(
            options => vms.RenewAsync(
                new RenewRequest { Id = id, Token = token, Ttl = ttl is { } wanted ? Duration.FromTimeSpan(wanted) : null }, options),
            timeout, cancel);

    /// <summary>Runs a program in the guest of a VM that is held by <paramref name="token"/>.</summary>
    /// <param name="stdin">Copied to the program until it ends; null for an empty one.</param>
    /// <param name="cancel">Kills the program.</param>
    public async Task<ExecExited> ExecAsync(
        string id, string token, GuestProgram program, Stream? stdin,
        Func<ReadOnlyMemory<byte>, ValueTask> stdout, Func<ReadOnlyMemory<byte>, ValueTask> stderr, CancellationToken cancel = default)
    {
        try
        {
            return await LeaseExec.RunAsync(vms, id, token, program, stdin, stdout, stderr, cancel).ConfigureAwait(false);
        }
        catch (RpcException) when (cancel.IsCancellationRequested)
        {
            throw new OperationCanceledException(cancel);
        }
        catch (RpcException fault)
        {
            throw Faults.Of(fault, Endpoint, TimeSpan.Zero);
        }
    }

    /// <summary>
    /// Connects to a socket of a VM that is held by <paramref name="token"/>, on whatever host it runs. The stream reads 0 when the VM's side
    /// has closed it; its reads and writes fail with <see cref="VmCacheException"/> when the VM or its lease has ended. Disposing it closes
    /// the connection.
    /// </summary>
    /// <param name="cancel">Gives up connecting; the stream goes on without it.</param>
    public Task<Stream> ConnectAsync(string id, string token, VmSocket to, CancellationToken cancel = default) =>
        GuestStream.OpenAsync(vms, new ConnectStart { Id = id, Token = token, To = to }, fault => Faults.Of(fault, Endpoint, TimeSpan.Zero), cancel);

    /// <summary>
    /// What happens to VMs, until it is cancelled. A stream that breaks is taken up again where it was; when that cannot be
    /// (the daemon was restarted), a <see cref="WatchEventKind.Reset"/> and every VM as a snapshot come again.
    /// </summary>
    /// <param name="pool">Only this pool's; empty: of all.</param>
    /// <param name="after">Epoch and sequence of the last event seen; null: none, and the stream begins with a reset.</param>
    /// <exception cref="VmCacheException">The first stream could not be had, or the node refuses.</exception>
    public IAsyncEnumerable<WatchEvent> WatchAsync(
        string pool = "", (string Epoch, ulong Sequence)? after = null, CancellationToken cancel = default) =>
        new EventWatch(vms, fault => Faults.Of(fault, Endpoint, TimeSpan.Zero), pool, time).ReadAsync(after, cancel);

    /// <summary>The VMs of the host, or of one pool; of all states, or of some.</summary>
    public async Task<IReadOnlyList<Vm>> ListAsync(
        string pool, IEnumerable<VmState> states, TimeSpan timeout, CancellationToken cancel = default)
    {
        var answer = await CallAsync(
            options => vms.ListAsync(new ListRequest { Pool = pool, States = { states } }, options), timeout, cancel).ConfigureAwait(false);
        return answer.Vms;
    }

    /// <summary>Has a node make no more VMs and give its warm ones up; the leased ones are left alone.</summary>
    /// <param name="node">Empty: the one that is asked.</param>
    public Task<DrainResponse> DrainAsync(TimeSpan timeout, CancellationToken cancel = default, string node = "") =>
        CallAsync(options => admin.DrainAsync(new DrainRequest { Node = node }, options), timeout, cancel);

    /// <summary>Has a node keep no more VMs warm than it has, and give none to callers of other hosts.</summary>
    /// <param name="node">Empty: the one that is asked.</param>
    public Task CordonAsync(TimeSpan timeout, CancellationToken cancel = default, string node = "") =>
        CallAsync(options => admin.CordonAsync(new CordonRequest { Node = node }, options), timeout, cancel);

    /// <summary>Undoes a cordon and a drain.</summary>
    /// <param name="node">Empty: the one that is asked.</param>
    public Task UncordonAsync(TimeSpan timeout, CancellationToken cancel = default, string node = "") =>
        CallAsync(options => admin.UncordonAsync(new UncordonRequest { Node = node }, options), timeout, cancel);

    /// <summary>Ends a quarantined VM of the node that is asked; returns when its process is gone and its files are removed.</summary>
    public Task ReapAsync(string id, TimeSpan timeout, CancellationToken cancel = default) =>
        CallAsync(options => admin.ReapAsync(new ReapRequest { Id = id }, options), timeout, cancel);

    /// <summary>Has the node that is asked forget that KVM refused guests, and prove it anew; returns before the proofs have ended.</summary>
    /// <returns>The pools whose guests are proved.</returns>
    public async Task<IReadOnlyList<string>> ProveKvmAsync(TimeSpan timeout, CancellationToken cancel = default) =>
        (await CallAsync(options => admin.ProveKvmAsync(new ProveKvmRequest(), options), timeout, cancel).ConfigureAwait(false)).Pools;

    /// <summary>Makes and changes pools on every host of the cluster.</summary>
    /// <param name="text">HOCON: vmcache.pools { NAME { ... } }.</param>
    /// <param name="dryRun">Only say what would be.</param>
    public Task<ApplyPoolsResponse> ApplyPoolsAsync(string text, bool dryRun, TimeSpan timeout, CancellationToken cancel = default) =>
        CallAsync(options => admin.ApplyPoolsAsync(new ApplyPoolsRequest { Text = text, DryRun = dryRun }, options), timeout, cancel);

    /// <summary>Takes a pool that was applied away from every host of the cluster; what is leased stays.</summary>
    public Task DeletePoolAsync(string pool, TimeSpan timeout, CancellationToken cancel = default) =>
        CallAsync(options => admin.DeletePoolAsync(new DeletePoolRequest { Pool = pool }, options), timeout, cancel);

    /// <summary>The pools that were applied, as the host knows them.</summary>
    public Task<GetPoolsResponse> GetPoolsAsync(TimeSpan timeout, CancellationToken cancel = default) =>
        CallAsync(options => admin.GetPoolsAsync(new GetPoolsRequest(), options), timeout, cancel);

    /// <summary>The cluster as the node sees it; one without a cluster shows itself alone.</summary>
    public Task<ClusterStatus> GetClusterAsync(TimeSpan timeout, CancellationToken cancel = default) =>
        CallAsync(options => admin.GetClusterAsync(new GetClusterRequest(), options), timeout, cancel);

    /// <summary>Hosts that have a pool, the best first.</summary>
    /// <param name="count">At most so many; 0: all.</param>
    /// <param name="affinity">Labels that the hosts must have; null: none.</param>
    public async Task<IReadOnlyList<Host>> ListHostsAsync(
        string pool, int count, TimeSpan timeout, CancellationToken cancel = default, IReadOnlyDictionary<string, string>? affinity = null)
    {
        var request = new ListHostsRequest { Pool = pool, Count = (uint)count };
        foreach (var (key, value) in affinity ?? new Dictionary<string, string>()) request.Affinity.Add(key, value);
        return (await CallAsync(options => vms.ListHostsAsync(request, options), timeout, cancel).ConfigureAwait(false)).Hosts;
    }

    /// <summary>What Kata's client asks first: the configuration that every VM of the socket's pool is made with.</summary>
    public Task<GrpcVMConfig> ConfigAsync(TimeSpan timeout, CancellationToken cancel = default) =>
        CallAsync(options => cache.ConfigAsync(new Empty(), options), timeout, cancel);

    /// <summary>
    /// Takes one paused base VM of the socket's pool, as Kata's client does. From then on it is the caller's: it is to be
    /// resumed within the pool's grace period or is destroyed.
    /// </summary>
    public Task<GrpcVM> GetBaseVmAsync(TimeSpan timeout, CancellationToken cancel = default) =>
        CallAsync(options => cache.GetBaseVMAsync(new Empty(), options), timeout, cancel);

    /// <summary>One VM of this host, warm or leased; NOT_FOUND when no such VM is alive here.</summary>
    public Task<Vm> GetAsync(string id, TimeSpan timeout, CancellationToken cancel = default) =>
        CallAsync(options => vms.GetAsync(new GetRequest { Id = id }, options), timeout, cancel);

    /// <summary>Destroys a leased VM; returns when its process is gone.</summary>
    /// <param name="token">Of its lease; empty for a VM that was taken by <see cref="GetBaseVmAsync"/>.</param>
    public Task ReleaseAsync(string id, TimeSpan timeout, CancellationToken cancel = default, string token = "") =>
        CallAsync(options => vms.ReleaseAsync(new ReleaseRequest { Id = id, Token = token }, options), timeout, cancel);

    /// <summary>The node's pools, their VMs and what happened lately.</summary>
    /// <param name="memory">With what each VM takes of the host's memory.</param>
    public Task<NodeStatus> GetStatusAsync(TimeSpan timeout, CancellationToken cancel = default, bool memory = false) =>
        CallAsync(options => admin.GetStatusAsync(new GetStatusRequest { Memory = memory }, options), timeout, cancel);

    /// <summary>Ends the connection; leases go on until they expire.</summary>
    public void Dispose() => channel.Dispose();

    private async Task<T> CallAsync<T>(
        Func<CallOptions, AsyncUnaryCall<T>> start, TimeSpan timeout, CancellationToken cancel)
    {
        try
        {
            using var call = start(new CallOptions(deadline: DateTime.UtcNow + timeout, cancellationToken: cancel));
            return await call.ResponseAsync.ConfigureAwait(false);
        }
        catch (RpcException) when (cancel.IsCancellationRequested)
        {
            throw new OperationCanceledException(cancel);
        }
        catch (RpcException fault)
        {
            throw Faults.Of(fault, Endpoint, timeout);
        }
    }
}
