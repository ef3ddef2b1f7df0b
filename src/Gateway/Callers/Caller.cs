using System.Security.Cryptography.X509Certificates;
using Grpc.Core;
using VmCacheCluster.Domain;
using VmCacheCluster.Gateway.Cluster;
using VmCacheCluster.Gateway.Services;

namespace VmCacheCluster.Gateway.Callers;

/// <summary>A call's caller: what it may do, and what it is told apart from others by.</summary>
public sealed class Caller
{
    private static readonly Caller Local = new(Entrance.Local, null, null);
    private static readonly Caller Node = new(Entrance.Peers, null, null);
    private static readonly Caller Nobody = new(Entrance.Unknown, null, null);

    private readonly GatewayOptions? _gateway;
    private readonly X509Certificate2? _certificate;

    private Caller(Entrance by, GatewayOptions? gateway, X509Certificate2? certificate)
    {
        (By, _gateway, _certificate) = (by, gateway, certificate);
        Names = certificate is null ? [] : TlsIdentity.NamesOf(certificate);
    }

    public Entrance By { get; }

    /// <summary>Of its certificate; empty for a caller of this host and for a node.</summary>
    public IReadOnlyList<string> Names { get; }

    /// <summary>
    /// Equal for calls of one caller, also with a new certificate of the same subject and names, and on every node. Empty: of this host, or another
    /// node's, which has seen to it.
    /// </summary>
    public string Identity => _certificate is null ? "" : TlsIdentity.IdentityOf(_certificate)[..32];

    public static Caller Of(ServerCallContext context) => Of(context.GetHttpContext());

    internal static Caller Of(HttpContext context) => context.Features.Get<Caller>() ?? Nobody;

    internal static Caller Recognise(HttpContext context, NodeOptions options) => Entrances.Of(context) switch
    {
        Entrance.Local => Local,
        Entrance.Peers => Node,
        Entrance.Callers when options.Gateway is { } gateway
            => new Caller(Entrance.Callers, gateway, context.Connection.ClientCertificate),
        _ => Nobody,
    };

    public bool May(Right right) => By switch
    {
        // The first node has asked for the right.
        Entrance.Local or Entrance.Peers => true,
        Entrance.Callers => _certificate is not null && _gateway!.Allows(right, Names),
        _ => false,
    };

    /// <param name="what">For a person: "Connect to QMP".</param>
    /// <exception cref="RpcException">PERMISSION_DENIED.</exception>
    public void Demand(Right right, string what)
    {
        if (!May(right)) throw GrpcErrors.Denied(what, right, Names);
    }
}
