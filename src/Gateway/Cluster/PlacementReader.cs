using VmCacheCluster.Contracts.V1;
using VmCacheCluster.Gateway.Services;

namespace VmCacheCluster.Gateway.Cluster;

/// <summary>Where a caller wants its VM.</summary>
internal static class PlacementReader
{
    private const int MostLabels = 16;

    /// <summary>The pool and where it may be given, of a request in which nothing is wrong.</summary>
    /// <exception cref="Grpc.Core.RpcException">All that is wrong with it.</exception>
    public static (Domain.PoolName Pool, Domain.Placement Placement) ReadAll(AcquireRequest request)
    {
        var faults = new RequestFaults();
        var (pool, _) = AcquireRequestReader.Read(request, faults);
        var placement = Read(request, faults);
        return faults.Any ? throw GrpcErrors.Invalid(faults) : (pool, placement);
    }

    public static Domain.Placement Read(AcquireRequest request, RequestFaults faults)
    {
        var placement = Read(request.Placement, faults);
        if (request.Affinity.Count > 0 && placement == Domain.Placement.Local && request.Placement is Placement.Local or Placement.Unspecified)
            faults.Add("affinity", "with placement LOCAL the host is chosen already: leave it out, or ask for PREFER_LOCAL or ANY");
        CheckAffinity(request.Affinity, faults);
        return placement;
    }

    public static void CheckAffinity(IDictionary<string, string> affinity, RequestFaults faults)
    {
        if (affinity.Count > MostLabels) faults.Add("affinity", $"at most {MostLabels} labels, not {affinity.Count}");
    }

    private static Domain.Placement Read(Placement placement, RequestFaults faults)
    {
        switch (placement)
        {
            case Placement.Unspecified or Placement.Local: return Domain.Placement.Local;
            case Placement.PreferLocal: return Domain.Placement.PreferLocal;
            case Placement.Any: return Domain.Placement.Any;
            default:
                faults.Add("placement", $"{(int)placement} is not known to this daemon: LOCAL, PREFER_LOCAL or ANY");
                return Domain.Placement.Local;
        }
    }
}
