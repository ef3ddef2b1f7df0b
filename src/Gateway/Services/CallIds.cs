using VmCacheCluster.Domain;

namespace VmCacheCluster.Gateway.Services;

/// <summary>The ids and tokens that calls name.</summary>
internal static class CallIds
{
    public static VmId Vm(string text) => VmId.TryParse(text, out var id) ? id : throw GrpcErrors.BadVmId(text);

    public static LeaseToken Token(string text) => LeaseToken.TryParse(text, out var token) ? token : throw GrpcErrors.BadToken(text.Length);
}
