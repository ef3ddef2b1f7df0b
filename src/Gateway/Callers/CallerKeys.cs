using System.Security.Cryptography;
using System.Text;
using Grpc.Core;
using VmCacheCluster.Contracts.V1;
using VmCacheCluster.Gateway.Services;

namespace VmCacheCluster.Gateway.Callers;

/// <summary>
/// Idempotency keys belong to the caller: whoever repeats another one's gets neither its VM nor its token. A key of a caller on another machine
/// goes on as KEY@IDENTITY, whose end no caller can choose. Callers of this host share theirs.
/// </summary>
public static class CallerKeys
{
    /// <returns>The request with the key as it is known from here on.</returns>
    public static AcquireRequest Owned(AcquireRequest request, ServerCallContext context)
    {
        var identity = Caller.Of(context).Identity;
        // What is wrong with a key is said of the key as it was given.
        if (identity.Length == 0 || request.IdempotencyKey.Length == 0 || !AcquireRequestReader.IsKey(request.IdempotencyKey)) return request;
        var owned = request.Clone();
        owned.IdempotencyKey = Owned(request.IdempotencyKey, identity);
        return owned;
    }

    public static string Owned(string key, string identity)
    {
        var room = AcquireRequestReader.LongestKey - identity.Length - 1;
        // Nodes of an older version take no longer ones.
        var kept = key.Length <= room ? key : Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(key)));
        return $"{kept}@{identity}";
    }
}
