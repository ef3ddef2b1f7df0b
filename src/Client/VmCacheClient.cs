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

    private VmCacheClient(string endpoint, GrpcChannel channel)
    {
        Endpoint = endpoint;
        this.channel = channel;
        cache = new CacheService.CacheServiceClient(channel);
        vms = new VmCache.VmCacheClient(channel);
        admin = new Admin.AdminClient(channel);
    }

    /// <summary>Absolute path of the node's Unix socket.</summary>
    public string Endpoint { get; }

    /// <summary>A client of the socket at <paramref name="endpoint"/>.</summary>
    /// <exception cref="ArgumentException">The path cannot be a Unix socket's.</exception>
    public static VmCacheClient Open(string endpoint) => new(endpoint, UnixChannel.Open(endpoint));

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
    public Task ReleaseAsync(string id, TimeSpan timeout, CancellationToken cancel = default) =>
        CallAsync(options => vms.ReleaseAsync(new ReleaseRequest { Id = id }, options), timeout, cancel);

    public Task<NodeStatus> GetStatusAsync(TimeSpan timeout, CancellationToken cancel = default) =>
        CallAsync(options => admin.GetStatusAsync(new GetStatusRequest(), options), timeout, cancel);

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
