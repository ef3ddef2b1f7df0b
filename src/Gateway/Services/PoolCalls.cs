using Grpc.Core;
using VmCacheCluster.Contracts.V1;
using VmCacheCluster.Domain;
using VmCacheCluster.Gateway.Configuration;
using VmCacheCluster.Gateway.Pools;
using AppliedPool = VmCacheCluster.Contracts.V1.AppliedPool;

namespace VmCacheCluster.Gateway.Services;

/// <summary>ApplyPools, DeletePool, GetPools.</summary>
public sealed class PoolCalls(PoolDirectory directory)
{
    /// <summary>Why this host's pools are not all as they were applied; empty: they are.</summary>
    public string Problem => directory.Problem;

    public async Task<ApplyPoolsResponse> ApplyAsync(ApplyPoolsRequest request, ServerCallContext context)
    {
        var faults = new List<ConfigurationFault>();
        var read = PoolFileReader.Read(request.Text, faults);
        if (faults.Count > 0) throw GrpcErrors.Invalid(Named(faults));
        var before = directory.Catalog;
        await TakeAsync(read.ToDictionary(p => p.Key, p => (string?)p.Value), request.DryRun, context);
        var response = new ApplyPoolsResponse();
        response.Changes.AddRange(read.OrderBy(p => p.Key.Value, StringComparer.Ordinal).Select(p => new PoolChange { Pool = p.Key.Value, Kind = KindOf(before.Pools.GetValueOrDefault(p.Key), p.Value) }));
        return response;
    }

    public async Task<DeletePoolResponse> DeleteAsync(DeletePoolRequest request, ServerCallContext context)
    {
        var known = directory.Catalog.Pools.Values.Where(p => !p.Wanted.Deleted).Select(p => p.Wanted.Name).ToList();
        if (!PoolName.TryParse(request.Pool, out var name) || !known.Contains(name)) throw GrpcErrors.NotApplied(request.Pool, known.Select(p => p.Value));
        await TakeAsync(new Dictionary<PoolName, string?> { [name] = null }, dryRun: false, context);
        return new DeletePoolResponse();
    }

    public GetPoolsResponse Get(GetPoolsRequest request)
    {
        var response = new GetPoolsResponse { Problem = directory.Problem };
        response.HostPools.AddRange(directory.Own.OrderBy(p => p.Name.Value, StringComparer.Ordinal).Select(p => new ConfiguredPool { Pool = p.Name.Value, Target = (uint)p.VmCacheNumber }));
        response.Pools.AddRange(directory.Catalog.Pools.Values
            .Where(p => request.Deleted || !p.Wanted.Deleted)
            .OrderBy(p => p.Wanted.Name.Value, StringComparer.Ordinal)
            .Select(p => new AppliedPool
            {
                Pool = p.Wanted.Name.Value,
                Version = p.Wanted.Version,
                Text = p.Wanted.Text,
                Deleted = p.Wanted.Deleted,
                Undone = p.Undone ?? "",
                Share = (uint)p.Share,
            }));
        return response;
    }

    private async Task TakeAsync(IReadOnlyDictionary<PoolName, string?> wanted, bool dryRun, ServerCallContext context)
    {
        try
        {
            // What has begun is brought to its end, whether the caller waits for it or not.
            var faults = await directory.ApplyAsync(wanted, dryRun, CancellationToken.None).WaitAsync(context.CancellationToken);
            if (faults.Count > 0) throw GrpcErrors.Invalid(Named(faults));
        }
        catch (IOException e)
        {
            throw GrpcErrors.NotKept(e.Message);
        }
        catch (OperationCanceledException)
        {
            throw GrpcErrors.Cancelled();
        }
    }

    private static PoolChangeKind KindOf(KnownPool? before, string text)
        => before is null or { Wanted.Deleted: true } ? PoolChangeKind.Added
            : before is { Undone: null } && before.Wanted.Text == text ? PoolChangeKind.Unchanged
            : PoolChangeKind.Changed;

    private static RequestFaults Named(IReadOnlyList<ConfigurationFault> faults)
    {
        var named = new RequestFaults();
        foreach (var fault in faults)
        {
            var value = fault.Value.Length > 0 ? $" ({RequestFaults.Quote(fault.Value)})" : "";
            var remedy = fault.Remedy.Length > 0 ? $": {fault.Remedy}" : "";
            named.Add(fault.Key.Length > 0 ? fault.Key : "text", $"{fault.Reason}{value}, in {fault.Source}{remedy}");
        }

        return named;
    }
}
