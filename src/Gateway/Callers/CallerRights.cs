using Grpc.Core;
using VmCacheCluster.Domain;
using VmCacheCluster.Gateway.Services;

namespace VmCacheCluster.Gateway.Callers;

/// <summary>
/// Which methods a caller may call: those of this host all but what is between nodes, nodes vmcache.v1 and what is between nodes, others what their
/// certificates' names are given of vmcache.v1. What depends on a call's message, its service asks the <see cref="Caller"/>.
/// </summary>
public static class CallerRights
{
    private const string Api = "/vmcache.v1.";
    private const string BetweenNodes = "/vmcache.cluster.v1.";

    private static readonly HashSet<string> Observing =
    [
        "/vmcache.v1.VmCache/Get", "/vmcache.v1.VmCache/List", "/vmcache.v1.VmCache/Watch", "/vmcache.v1.VmCache/ListHosts",
        "/vmcache.v1.Admin/GetStatus", "/vmcache.v1.Admin/GetPools", "/vmcache.v1.Admin/GetCluster",
    ];

    public static void UseCallerRights(this IApplicationBuilder app, NodeOptions options) => app.Use(async (context, next) =>
    {
        var caller = Caller.Recognise(context, options);
        context.Features.Set(caller);
        if (Refusal(caller, context.Request.Path.Value ?? "") is { } refusal)
        {
            context.Features.Set(RefusedCall.Instance);
            CallChecks.Refuse(context.Response, refusal);
            return;
        }

        await next();
    });

    /// <summary>What a method needs. One that is not known needs the most.</summary>
    public static Right Needed(string path)
        => Observing.Contains(path) ? Right.Observe : path.StartsWith("/vmcache.v1.VmCache/", StringComparison.Ordinal) ? Right.Acquire : Right.Operate;

    private static RpcException? Refusal(Caller caller, string path)
    {
        if (caller.By == Entrance.Local || (caller.By == Entrance.Peers && path.StartsWith(BetweenNodes, StringComparison.Ordinal))) return null;
        if (!path.StartsWith(Api, StringComparison.Ordinal)) return GrpcErrors.NotOnTcp();
        return caller.May(Needed(path)) ? null : GrpcErrors.Denied(path, Needed(path), caller.Names);
    }
}
