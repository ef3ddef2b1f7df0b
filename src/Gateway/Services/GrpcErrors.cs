using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;
using Google.Rpc;
using Grpc.Core;
using VmCacheCluster.Actors.Gateway;
using Status = Google.Rpc.Status;

namespace VmCacheCluster.Gateway.Services;

/// <summary>The one place where refusals become gRPC errors: status, and ErrorInfo (domain "vmcache") for programs.</summary>
public static class GrpcErrors
{
    public const string Domain = "vmcache";

    public static RpcException From(AcquireRefused refused, string pool) => Make(
        CodeOf(refused.Kind), ReasonOf(refused.Kind), refused.Reason, refused.RetryAfter, ("pool", pool));

    public static RpcException From(VmRefused refused) => Make(
        CodeOf(refused.Kind), ReasonOf(refused.Kind), refused.Reason, TimeSpan.Zero, ("vm", refused.Id.Value));

    public static RpcException BadVmId(string text) => Make(
        Code.InvalidArgument, "BAD_VM_ID", $"'{text}' is not a VM id: an id is a lower-case UUID, as `vmcache status` shows it",
        TimeSpan.Zero, ("vm", text));

    public static RpcException Cancelled() => Make(Code.Cancelled, "CANCELLED", "the call was cancelled", TimeSpan.Zero);

    public static RpcException NotAnswered(string what) => Make(
        Code.Unavailable, "NOT_ANSWERED", $"the daemon did not answer in time: {what}", TimeSpan.FromSeconds(1));

    private static Code CodeOf(RefusalKind kind) => kind switch
    {
        RefusalKind.Exhausted => Code.ResourceExhausted,
        RefusalKind.UnknownPool or RefusalKind.NotFound => Code.NotFound,
        RefusalKind.WrongState or RefusalKind.StaleToken => Code.FailedPrecondition,
        RefusalKind.Invalid => Code.InvalidArgument,
        _ => Code.Unavailable,
    };

    private static string ReasonOf(RefusalKind kind) => kind switch
    {
        RefusalKind.Exhausted => "POOL_EXHAUSTED",
        RefusalKind.UnknownPool => "UNKNOWN_POOL",
        RefusalKind.NotFound => "UNKNOWN_VM",
        RefusalKind.WrongState => "WRONG_STATE",
        RefusalKind.StaleToken => "STALE_TOKEN",
        RefusalKind.Invalid => "INVALID_WISH",
        _ => "UNAVAILABLE",
    };

    private static RpcException Make(Code code, string reason, string message, TimeSpan retryAfter, params (string Key, string Value)[] metadata)
    {
        var info = new ErrorInfo { Domain = Domain, Reason = reason };
        foreach (var (key, value) in metadata) info.Metadata[key] = value;
        var status = new Status { Code = (int)code, Message = message, Details = { Any.Pack(info) } };
        if (retryAfter > TimeSpan.Zero) status.Details.Add(Any.Pack(new RetryInfo { RetryDelay = Duration.FromTimeSpan(retryAfter) }));
        return status.ToRpcException();
    }
}
