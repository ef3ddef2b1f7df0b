using Google.Protobuf;
using Grpc.Core;
using VmCacheCluster.Actors.Cluster;
using VmCacheCluster.Actors.Cluster.Wire;
using VmCacheCluster.Contracts.V1;
using VmCacheCluster.Domain;
using VmCacheCluster.Gateway.Services;
using Placement = VmCacheCluster.Contracts.V1.Placement;

namespace VmCacheCluster.Gateway.Cluster;

/// <summary>
/// Acquire over the hosts of a cluster: a warm VM here, else a warm one elsewhere, else one that is made. A host that has none, or does not
/// answer, costs a try; what it may have given without our knowing it takes back, as the lease is never confirmed.
/// </summary>
public sealed class ClusterAcquirer(LeaseCalls local, ClusterEdge cluster, PeerChannels peers, HostReporter reporter, TimeProvider time)
{
    /// <summary>So many hosts are asked for a warm VM before one is made.</summary>
    private const int MostTries = 8;

    /// <summary>A warm VM is answered in milliseconds; a host that takes longer may be gone.</summary>
    private static readonly TimeSpan LeastTry = TimeSpan.FromSeconds(1);

    private readonly PlacedKeys _keys = new(time);

    public async Task<AcquireResponse> AcquireAsync(AcquireRequest request, ServerCallContext context)
    {
        if (cluster.Options is not { } options) return await local.AcquireAsync(request, context);
        if (cluster.IsHop(context)) return await ForAnotherAsync(request, context);

        var wish = Read(request);
        if (wish.Placement == Domain.Placement.Local) return await local.AcquireAsync(request, context);
        if (request.IdempotencyKey.Length > 0 && await AgainAsync(request, context) is { } before) return before;
        var here = request.Affinity.All(wanted => options.Labels.TryGetValue(wanted.Key, out var has) && has == wanted.Value);
        var tries = new Tries(wish.Pool, request.Affinity);
        if (request.Warm != WarmPreference.Never && await WarmAsync(request, here, tries, context) is { } warm) return Placed(request, warm);
        if (request.Warm == WarmPreference.Require) throw GrpcErrors.NoneWarm(wish.Pool.Value, tries.Told);
        return Placed(request, await MadeAsync(request, wish.Placement, here, tries, context));
    }

    /// <summary>Another node has chosen this host. If it has none, it says what it has instead.</summary>
    private async Task<AcquireResponse> ForAnotherAsync(AcquireRequest request, ServerCallContext context)
    {
        try
        {
            return await local.AcquireAsync(request, context);
        }
        catch (RpcException refusal) when (refusal.StatusCode is StatusCode.ResourceExhausted or StatusCode.Unavailable)
        {
            if (await reporter.ReportAsync(context) is { } report) refusal.Trailers.Add(HostReporter.Trailer, report.ToByteArray());
            throw;
        }
    }

    private static (PoolName Pool, Domain.Placement Placement) Read(AcquireRequest request)
    {
        var faults = new RequestFaults();
        var (pool, _) = AcquireRequestReader.Read(request, faults);
        var placement = PlacementReader.Read(request, faults);
        if (faults.Any) throw GrpcErrors.Invalid(faults);
        return (pool, placement);
    }

    /// <summary>The same key goes to the host that it went to before, warm or not.</summary>
    private async Task<AcquireResponse?> AgainAsync(AcquireRequest request, ServerCallContext context)
    {
        if (_keys.Find(request.IdempotencyKey) is not { } id) return null;
        var host = id.Tag == cluster.Options!.Node.Tag ? null : (await cluster.FindAsync(id.Tag, context)).Host;
        if (host is null && id.Tag != cluster.Options.Node.Tag) return null;
        return host is null ? await local.AcquireAsync(request, context) : await AskAsync(host, request, context, context.Deadline);
    }

    private AcquireResponse Placed(AcquireRequest request, AcquireResponse response)
    {
        if (request.IdempotencyKey.Length > 0 && VmId.TryParse(response.Vm.Id, out var id)) _keys.Keep(request.IdempotencyKey, id);
        return response;
    }

    /// <returns>Null: nobody has a warm one.</returns>
    private async Task<AcquireResponse?> WarmAsync(AcquireRequest request, bool here, Tries tries, ServerCallContext context)
    {
        var require = request.Clone();
        require.Warm = WarmPreference.Require;
        if (here)
        {
            try
            {
                return await local.AcquireAsync(require, context);
            }
            catch (RpcException refusal) when (refusal.StatusCode is StatusCode.ResourceExhausted or StatusCode.Unavailable or StatusCode.NotFound)
            {
                tries.Add(cluster.Name, refusal);
            }
        }

        while (tries.Count < MostTries)
        {
            if ((await cluster.ChooseAsync(tries.Choice(warm: true), context)).Host is not { } host) return null;
            if (await TryAsync(host, require, tries, TryDeadline(context), context) is { } response) return response;
        }

        return null;
    }

    private async Task<AcquireResponse> MadeAsync(AcquireRequest request, Domain.Placement placement, bool here, Tries tries, ServerCallContext context)
    {
        var elsewhere = new Tries(tries.Pool, request.Affinity);
        // A pool that is not here is made where it is.
        var servesHere = here && !tries.Unknown(cluster.Name);
        if (placement == Domain.Placement.PreferLocal && servesHere) return await local.AcquireAsync(request, context);
        var began = time.GetUtcNow().UtcDateTime;
        while (elsewhere.Count < MostTries && HasTime(began, context) && (await cluster.ChooseAsync(elsewhere.Choice(warm: false), context)).Host is { } host)
        {
            if (servesHere && !await reporter.IsWorseAsync(host, tries.Pool, context)) break;
            if (await TryAsync(host, request, elsewhere, context.Deadline, context) is { } response) return response;
        }

        if (servesHere && HasTime(began, context)) return await local.AcquireAsync(request, context);
        throw elsewhere.Count > 0 || tries.Count > 0 ? GrpcErrors.NoneMade(tries.Pool.Value, [.. tries.Told, .. elsewhere.Told]) : GrpcErrors.NoHost(tries.Pool.Value, request.Affinity);
    }

    /// <summary>A host that tried until its caller's time was nearly over leaves no time for another to make one, only for the answer.</summary>
    private bool HasTime(DateTime began, ServerCallContext context)
    {
        if (context.Deadline == DateTime.MaxValue) return true;
        return context.Deadline - time.GetUtcNow().UtcDateTime >= (context.Deadline - began) / 2;
    }

    /// <returns>Null: it has none, or did not answer, and another one may be asked.</returns>
    private async Task<AcquireResponse?> TryAsync(HostCapacity host, AcquireRequest request, Tries tries, DateTime deadline, ServerCallContext context)
    {
        try
        {
            return await AskAsync(host, request, context, deadline);
        }
        catch (RpcException refusal) when (!context.CancellationToken.IsCancellationRequested && MayBeElsewhere(refusal))
        {
            tries.Add(host.Node.Value, refusal);
            if (refusal.StatusCode == StatusCode.ResourceExhausted || HostReporter.In(refusal) is not null)
                cluster.Tell(new HostRefused(host.Node, tries.Pool, HostReporter.In(refusal)));
            else
                cluster.Tell(new HostFailed(host.Node));
            if (time.GetUtcNow().UtcDateTime >= context.Deadline) throw;
            return null;
        }
    }

    /// <summary>What is wrong with the request is wrong everywhere.</summary>
    private static bool MayBeElsewhere(RpcException refusal) => refusal.StatusCode
        is StatusCode.ResourceExhausted or StatusCode.Unavailable or StatusCode.DeadlineExceeded or StatusCode.NotFound or StatusCode.Internal or StatusCode.Cancelled;

    private async Task<AcquireResponse> AskAsync(HostCapacity host, AcquireRequest request, ServerCallContext context, DateTime deadline)
    {
        var there = request.Clone();
        there.Placement = Placement.Local;
        there.Affinity.Clear();
        var peer = new VmCache.VmCacheClient(peers.To(host.Peer));
        return await peer.AcquireAsync(there, deadline: deadline == DateTime.MaxValue ? null : deadline, cancellationToken: context.CancellationToken);
    }

    private DateTime TryDeadline(ServerCallContext context)
    {
        var now = time.GetUtcNow().UtcDateTime;
        if (context.Deadline == DateTime.MaxValue) return now + LeastTry + LeastTry;
        var half = (context.Deadline - now) / 2;
        var at = now + (half < LeastTry ? LeastTry : half);
        return at < context.Deadline ? at : context.Deadline;
    }
}
