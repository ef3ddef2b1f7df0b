using System.Security.Cryptography;
using System.Text;
using Grpc.Core;
using VmCacheCluster.Domain;
using VmCacheCluster.Gateway.Cluster;
using VmCacheCluster.Gateway.Services;

namespace VmCacheCluster.Gateway.Callers;

/// <summary>A call's caller: what it may do, and what it is told apart from others by.</summary>
public sealed class Caller
{
    private static readonly Caller Local = new(Entrance.Local, null, []);
    private static readonly Caller Node = new(Entrance.Peers, null, []);
    private static readonly Caller Nobody = new(Entrance.Unknown, null, []);

    private readonly GatewayOptions? _gateway;

    private Caller(Entrance by, GatewayOptions? gateway, IReadOnlyList<string> names) => (By, _gateway, Names) = (by, gateway, names);

    public Entrance By { get; }

    /// <summary>Of its certificate; empty for a caller of this host and for a node.</summary>
    public IReadOnlyList<string> Names { get; }

    /// <summary>
    /// Equal for calls of one caller, also with a new certificate of the same names, and on every node. Empty: of this host, or another node's,
    /// which has seen to it.
    /// </summary>
    public string Identity => By == Entrance.Callers
        ? Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(string.Join('\n', Names.Order(StringComparer.Ordinal)))))[..32]
        : "";

    public static Caller Of(ServerCallContext context) => Of(context.GetHttpContext());

    internal static Caller Of(HttpContext context) => context.Features.Get<Caller>() ?? Nobody;

    internal static Caller Recognise(HttpContext context, NodeOptions options) => Entrances.Of(context) switch
    {
        Entrance.Local => Local,
        Entrance.Peers => Node,
        Entrance.Callers when options.Gateway is { } gateway
            => new Caller(Entrance.Callers, gateway, context.Connection.ClientCertificate is { } certificate ? TlsIdentity.NamesOf(certificate) : []),
        _ => Nobody,
    };

    public bool May(Right right) => By switch
    {
        // The first node has asked for the right.
        Entrance.Local or Entrance.Peers => true,
        Entrance.Callers => _gateway!.Allows(right, Names),
        _ => false,
    };

    /// <param name="what">For a person: "Connect to QMP".</param>
    /// <exception cref="RpcException">PERMISSION_DENIED.</exception>
    public void Demand(Right right, string what)
    {
        if (!May(right)) throw GrpcErrors.Denied(what, right, Names);
    }
}
