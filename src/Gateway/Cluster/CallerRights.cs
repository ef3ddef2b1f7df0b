using Grpc.Core;
using VmCacheCluster.Domain;
using VmCacheCluster.Gateway.Services;

namespace VmCacheCluster.Gateway.Cluster;

/// <summary>Who may call what over TCP: nodes all of vmcache.v1 and what is between nodes alone, callers what their certificates' names are given. Kata's API is on Unix sockets alone.</summary>
public static class CallerRights
{
    private const string Api = "/vmcache.v1.";
    private const string BetweenNodes = "/vmcache.cluster.v1.";

    private static readonly HashSet<string> Observing =
    [
        "/vmcache.v1.VmCache/Get", "/vmcache.v1.VmCache/List", "/vmcache.v1.VmCache/Watch", "/vmcache.v1.VmCache/ListHosts",
        "/vmcache.v1.Admin/GetStatus", "/vmcache.v1.Admin/GetPools", "/vmcache.v1.Admin/GetCluster",
    ];

    public static void UseCallerRights(this IApplicationBuilder app, NodeOptions options)
    {
        if (options.Cluster is null && options.Gateway is null) return;
        app.UseWhen(context => context.Connection.LocalPort != 0, tcp => tcp.Use(async (context, next) =>
        {
            if (Refusal(context, options) is not { } refusal) await next();
            else CallChecks.Refuse(context.Response, refusal);
        }));
    }

    /// <summary>What a method needs. One that is not known needs the most.</summary>
    public static Right Needed(string path)
        => Observing.Contains(path) ? Right.Observe : path.StartsWith("/vmcache.v1.VmCache/", StringComparison.Ordinal) ? Right.Acquire : Right.Operate;

    private static RpcException? Refusal(HttpContext context, NodeOptions options)
    {
        var path = context.Request.Path.Value ?? "";
        var peer = context.Connection.LocalPort == options.Cluster?.PeerPort;
        if (peer && path.StartsWith(BetweenNodes, StringComparison.Ordinal)) return null;
        if (!path.StartsWith(Api, StringComparison.Ordinal)) return GrpcErrors.NotOnTcp();
        if (peer) return null;
        var names = context.Connection.ClientCertificate is { } certificate ? TlsIdentity.NamesOf(certificate) : [];
        var needed = Needed(path);
        return options.Gateway!.Allows(needed, names) ? null : GrpcErrors.Denied(path, needed, names);
    }
}
