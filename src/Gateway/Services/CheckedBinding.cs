using Google.Protobuf;
using Grpc.Core;
using VmCacheCluster.Contracts.V1;
using VmCacheCluster.Gateway.Keys.Wire;
using VmCacheCluster.Gateway.Templates.Wire;
using VmCacheCluster.Kata.Wire;

namespace VmCacheCluster.Gateway.Services;

/// <summary>
/// The services as they are generated, but for a request that is no message of its method: it is its caller's fault, and told so. The gRPC
/// library finds these methods by the attribute on each service.
/// </summary>
public static class CheckedBinding
{
    public static void BindService(ServiceBinderBase binder, CacheService.CacheServiceBase service) => CacheService.BindService(new Checked(binder), service);

    public static void BindService(ServiceBinderBase binder, VmCache.VmCacheBase service) => VmCache.BindService(new Checked(binder), service);

    public static void BindService(ServiceBinderBase binder, Admin.AdminBase service) => Admin.BindService(new Checked(binder), service);

    public static void BindService(ServiceBinderBase binder, TemplatePeer.TemplatePeerBase service) => TemplatePeer.BindService(new Checked(binder), service);

    public static void BindService(ServiceBinderBase binder, KeyPeer.KeyPeerBase service) => KeyPeer.BindService(new Checked(binder), service);

    private sealed class Checked(ServiceBinderBase binder) : ServiceBinderBase
    {
        public override void AddMethod<TRequest, TResponse>(Method<TRequest, TResponse> method, UnaryServerMethod<TRequest, TResponse>? handler)
            => binder.AddMethod(Of(method), handler);

        public override void AddMethod<TRequest, TResponse>(Method<TRequest, TResponse> method, ClientStreamingServerMethod<TRequest, TResponse>? handler)
            => binder.AddMethod(Of(method), handler);

        public override void AddMethod<TRequest, TResponse>(Method<TRequest, TResponse> method, ServerStreamingServerMethod<TRequest, TResponse>? handler)
            => binder.AddMethod(Of(method), handler);

        public override void AddMethod<TRequest, TResponse>(Method<TRequest, TResponse> method, DuplexStreamingServerMethod<TRequest, TResponse>? handler)
            => binder.AddMethod(Of(method), handler);

        private static Method<TRequest, TResponse> Of<TRequest, TResponse>(Method<TRequest, TResponse> method)
            where TRequest : class
            where TResponse : class
            => new(
                method.Type, method.ServiceName, method.Name,
                Marshallers.Create(method.RequestMarshaller.ContextualSerializer, content => Read(method, content)), method.ResponseMarshaller);

        private static TRequest Read<TRequest, TResponse>(Method<TRequest, TResponse> method, DeserializationContext content)
        {
            try
            {
                return method.RequestMarshaller.ContextualDeserializer(content);
            }
            catch (InvalidProtocolBufferException)
            {
                throw GrpcErrors.BadMessage($"the request is no {typeof(TRequest).Name}, which {method.FullName} takes");
            }
        }
    }
}
