using Grpc.Core;
using VmCacheCluster.Actors.Cluster;
using VmCacheCluster.Contracts.V1;
using VmCacheCluster.Domain;
using VmCacheCluster.Gateway.Services;

namespace VmCacheCluster.Gateway.Cluster;

/// <summary>How the hosts are asked for one VM.</summary>
/// <param name="Here">The host that the caller asked, which comes first.</param>
/// <param name="Fits">It has the labels that are asked for.</param>
/// <param name="AskHere">Asks it; true: for a warm VM alone.</param>
/// <param name="AskThere">Asks another one, by a deadline.</param>
/// <param name="IsWorse">A VM would sooner be made there than here.</param>
internal sealed record PlacementHosts(
    NodeName Here, bool Fits, Func<bool, Task<AcquireResponse>> AskHere, Func<HostCapacity, bool, DateTime, Task<AcquireResponse>> AskThere, Func<HostCapacity, Task<bool>> IsWorse);

/// <summary>
/// A VM from the hosts of a cluster: a warm one where the caller asked, else a warm one elsewhere, else one that is made. A host that has none, or
/// does not answer, costs a try.
/// </summary>
public sealed class Placer(ClusterEdge cluster, TimeProvider time)
{
    /// <summary>So many hosts are asked for a warm VM before one is made.</summary>
    private const int MostTries = 8;

    /// <summary>A warm VM is answered in milliseconds; a host that takes longer may be gone.</summary>
    private static readonly TimeSpan LeastTry = TimeSpan.FromSeconds(1);

    internal async Task<AcquireResponse> PlaceAsync(AcquireRequest request, PoolName pool, Domain.Placement placement, PlacementHosts hosts, ServerCallContext context)
    {
        var tries = new Tries(pool, request.Affinity, hosts.Here);
        if (request.Warm != WarmPreference.Never && await WarmAsync(hosts, tries, context) is { } warm) return warm;
        if (request.Warm == WarmPreference.Require) throw GrpcErrors.NoneWarm(pool.Value, tries.Told);
        return await MadeAsync(request, placement, hosts, tries, context);
    }

    /// <returns>Null: nobody has a warm one.</returns>
    private async Task<AcquireResponse?> WarmAsync(PlacementHosts hosts, Tries tries, ServerCallContext context)
    {
        if (hosts.Fits)
        {
            try
            {
                return await hosts.AskHere(true);
            }
            catch (RpcException refusal) when (refusal is not FinalRefusal && refusal.StatusCode is StatusCode.ResourceExhausted or StatusCode.Unavailable or StatusCode.NotFound)
            {
                tries.Add(hosts.Here.Value, refusal);
            }
        }

        while (tries.Count < MostTries)
        {
            if ((await cluster.ChooseAsync(tries.Choice(warm: true), context)).Host is not { } host) return null;
            if (await TryAsync(host, hosts, warmOnly: true, tries, TryDeadline(context), context) is { } response) return response;
        }

        return null;
    }

    private async Task<AcquireResponse> MadeAsync(AcquireRequest request, Domain.Placement placement, PlacementHosts hosts, Tries tries, ServerCallContext context)
    {
        var elsewhere = new Tries(tries.Pool, request.Affinity, hosts.Here);
        // A pool that is not here is made where it is.
        var servesHere = hosts.Fits && !tries.Unknown(hosts.Here.Value);
        if (placement == Domain.Placement.PreferLocal && servesHere) return await hosts.AskHere(false);
        var began = time.GetUtcNow().UtcDateTime;
        while (elsewhere.Count < MostTries && HasTime(began, context) && (await cluster.ChooseAsync(elsewhere.Choice(warm: false), context)).Host is { } host)
        {
            if (servesHere && !await hosts.IsWorse(host)) break;
            if (await TryAsync(host, hosts, warmOnly: false, elsewhere, context.Deadline, context) is { } response) return response;
        }

        if (servesHere && HasTime(began, context)) return await hosts.AskHere(false);
        throw elsewhere.Count > 0 || tries.Count > 0 ? GrpcErrors.NoneMade(tries.Pool.Value, [.. tries.Told, .. elsewhere.Told]) : GrpcErrors.NoHost(tries.Pool.Value, request.Affinity);
    }

    /// <summary>A host that tried until its caller's time was nearly over leaves no time for another to make one, only for the answer.</summary>
    private bool HasTime(DateTime began, ServerCallContext context)
    {
        if (context.Deadline == DateTime.MaxValue) return true;
        return context.Deadline - time.GetUtcNow().UtcDateTime >= (context.Deadline - began) / 2;
    }

    /// <returns>Null: it has none, or did not answer, and another one may be asked.</returns>
    private async Task<AcquireResponse?> TryAsync(HostCapacity host, PlacementHosts hosts, bool warmOnly, Tries tries, DateTime deadline, ServerCallContext context)
    {
        try
        {
            return await hosts.AskThere(host, warmOnly, deadline);
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
    private static bool MayBeElsewhere(RpcException refusal) => refusal is not FinalRefusal && refusal.StatusCode
        is StatusCode.ResourceExhausted or StatusCode.Unavailable or StatusCode.DeadlineExceeded or StatusCode.NotFound or StatusCode.Internal or StatusCode.Cancelled;

    private DateTime TryDeadline(ServerCallContext context)
    {
        var now = time.GetUtcNow().UtcDateTime;
        if (context.Deadline == DateTime.MaxValue) return now + LeastTry + LeastTry;
        var half = (context.Deadline - now) / 2;
        var at = now + (half < LeastTry ? LeastTry : half);
        return at < context.Deadline ? at : context.Deadline;
    }
}

/// <summary>A refusal after which no other host may be asked: the one that was asked may have given a VM.</summary>
internal sealed class FinalRefusal(RpcException refusal) : RpcException(refusal.Status, refusal.Trailers);
