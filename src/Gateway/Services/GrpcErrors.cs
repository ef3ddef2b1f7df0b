using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;
using Google.Rpc;
using Grpc.Core;
using VmCacheCluster.Actors.Gateway;
using VmCacheCluster.Agent;
using VmCacheCluster.Domain;
using Status = Google.Rpc.Status;

namespace VmCacheCluster.Gateway.Services;

/// <summary>The one place where refusals become gRPC errors: status, and ErrorInfo (domain "vmcache") for programs.</summary>
public static class GrpcErrors
{
    public const string ErrorDomain = "vmcache";

    private const string StatusDetails = "grpc-status-details-bin";

    public static RpcException From(AcquireRefused refused, string pool) => Make(
        CodeOf(refused.Kind), ReasonOf(refused.Kind), refused.Reason, refused.RetryAfter, ("pool", pool));

    public static RpcException From(VmRefused refused) => Make(
        CodeOf(refused.Kind), ReasonOf(refused.Kind), refused.Reason, TimeSpan.Zero, ("vm", refused.Id.Value));

    public static RpcException BadVmId(string text) => Make(
        Code.InvalidArgument, "BAD_VM_ID", $"'{text}' is not a VM id: an id is a lower-case UUID, as `vmcache status` shows it",
        TimeSpan.Zero, ("vm", text));

    /// <param name="length">Of the text that was given as a token, which is not repeated: it may be somebody's.</param>
    public static RpcException BadToken(int length) => Make(
        Code.InvalidArgument, "BAD_TOKEN",
        $"the token has {length} characters and is no lease's: a token is 32 lower-case hexadecimal digits, as Acquire answered it",
        TimeSpan.Zero);

    public static RpcException UnknownPool(string pool, IEnumerable<string> known) => Make(
        Code.NotFound, "UNKNOWN_POOL", $"there is no pool {RequestFaults.Quote(pool)}; there is: {string.Join(", ", known.Order(StringComparer.Ordinal))}",
        TimeSpan.Zero, ("pool", pool));

    public static RpcException NotApplied(string pool, IEnumerable<string> known) => Make(
        Code.NotFound, "UNKNOWN_POOL",
        $"no pool {RequestFaults.Quote(pool)} was applied; {(string.Join(", ", known.Order(StringComparer.Ordinal)) is { Length: > 0 } all ? $"there is: {all}" : "none was")}. A pool of a host's own file is taken away there",
        TimeSpan.Zero, ("pool", pool));

    /// <param name="where">The setting that names the directory.</param>
    public static RpcException NotKept(string why, string where = "vmcache.state-dir") => Make(
        Code.Internal, "NOT_KEPT", $"nothing was changed, for it could not be written down: {why} ({where})", TimeSpan.Zero);

    /// <summary>Everything that is wrong with a request, as text and as google.rpc.BadRequest.</summary>
    public static RpcException Invalid(RequestFaults faults)
    {
        var violations = new BadRequest();
        violations.FieldViolations.AddRange(faults.Named.Select(f =>
            new BadRequest.Types.FieldViolation { Field = f.Field, Description = f.Description }));
        var status = Describe(Code.InvalidArgument, "INVALID_REQUEST", faults.ToString(), TimeSpan.Zero);
        status.Details.Add(Any.Pack(violations));
        return status.ToRpcException();
    }

    public static RpcException BadExec(string message) => Make(Code.InvalidArgument, "BAD_EXEC", message, TimeSpan.Zero);

    public static RpcException BadConnect(string message) => Make(Code.InvalidArgument, "BAD_CONNECT", message, TimeSpan.Zero);

    /// <summary>A call that no message can be read from, or whose message is none.</summary>
    public static RpcException BadMessage(string why) => Make(Code.InvalidArgument, "BAD_MESSAGE", why, TimeSpan.Zero);

    public static RpcException TooLarge(string why) => Make(Code.ResourceExhausted, "MESSAGE_TOO_LARGE", why, TimeSpan.Zero);

    public static RpcException BadTimeout(string text) => Make(
        Code.InvalidArgument, "BAD_TIMEOUT", $"{RequestFaults.Quote(text)} is no grpc-timeout: 1 to 8 digits and one of H, M, S, m, u, n", TimeSpan.Zero);

    /// <summary>Nothing was done, or what was done is undone.</summary>
    public static RpcException Overdue() => Make(
        Code.DeadlineExceeded, "DEADLINE", "the call's deadline was over before it could be answered: nothing is handed out", TimeSpan.Zero);

    /// <summary>Nobody at a VM's socket took the connection.</summary>
    public static RpcException SocketBusy(VmId vm, string socket) => Make(
        Code.FailedPrecondition, "SOCKET_BUSY",
        $"{socket} takes one client at a time, and another is on it (or VM {vm} hangs): connect again when that one has left", TimeSpan.Zero, ("vm", vm.Value));

    public static RpcException SocketFailed(VmId vm, string why) => Make(Code.FailedPrecondition, "SOCKET_FAILED", why, TimeSpan.Zero, ("vm", vm.Value));

    public static RpcException Stopping() => Make(Code.Unavailable, "STOPPING", "the daemon is stopping", TimeSpan.FromSeconds(1));

    public static RpcException SlowWatcher() => Make(
        Code.ResourceExhausted, "SLOW_WATCHER",
        "more happened than this watcher took in time; watch again from the last event seen", TimeSpan.FromMilliseconds(100));

    /// <summary>A program that could not be run in a guest, or a guest that is of no use.</summary>
    public static RpcException FromGuest(VmFailedException fault) => fault.InnerException switch
    {
        TtrpcStatusException { Code: TtrpcStatusCode.NotFound } e => Make(Code.NotFound, "COMMAND_NOT_FOUND", e.Message, TimeSpan.Zero),
        TtrpcStatusException { Code: TtrpcStatusCode.PermissionDenied } e
            => Make(Code.PermissionDenied, "COMMAND_NOT_EXECUTABLE", e.Message, TimeSpan.Zero),
        TtrpcStatusException { Code: TtrpcStatusCode.Unimplemented } => Make(
            Code.FailedPrecondition, "NO_EXEC", "the guest's agent runs no programs: use a guest with our agent", TimeSpan.Zero),
        _ => Make(Code.Unavailable, "GUEST_FAILED", fault.Failure.ToString(), TimeSpan.Zero),
    };

    public static RpcException Cancelled() => Make(Code.Cancelled, "CANCELLED", "the call was cancelled", TimeSpan.Zero);

    public static RpcException NotAnswered(string what) => Make(
        Code.Unavailable, "NOT_ANSWERED", $"the daemon did not answer in time: {what}", TimeSpan.FromSeconds(1));

    /// <summary>Another node's refusal, as it said it. Null: it said nothing, the connection failed.</summary>
    public static RpcException? Passed(RpcException fault)
    {
        if (fault.Trailers.FirstOrDefault(t => t.Key == StatusDetails) is not { } details) return null;
        return new RpcException(new Grpc.Core.Status(fault.StatusCode, fault.Status.Detail), new Metadata { { StatusDetails, details.ValueBytes } });
    }

    public static RpcException NotOnTcp() => Make(
        Code.Unimplemented, "NOT_ON_TCP", "only vmcache.v1 is served on TCP; Kata's API is on the host's Unix sockets", TimeSpan.Zero);

    /// <param name="names">Of the caller's certificate.</param>
    public static RpcException Denied(string method, Right needed, IEnumerable<string> names) => Make(
        Code.PermissionDenied, "PERMISSION_DENIED",
        $"{method} needs the right to {needed.ToString().ToLowerInvariant()}, which {string.Join(", ", names.Select(RequestFaults.Quote).DefaultIfEmpty("a caller whose certificate has no name"))} "
        + $"does not have: see vmcache.gateway.rights on this host", TimeSpan.Zero);

    /// <summary>A VM's host is known, and not to be reached from here.</summary>
    public static RpcException HostAway(string node, string vm) => Make(
        Code.Unavailable, "HOST_AWAY", $"VM {vm} is on node {node}, which this node does not reach now; the VM goes on there as long as its lease does",
        TimeSpan.FromSeconds(1), ("vm", vm), ("node", node));

    /// <summary>Whether an idempotency key has a VM already cannot be known now. The key is not quoted: nodes know it under another name than its caller.</summary>
    public static RpcException KeyUnavailable(string why) => Make(
        Code.Unavailable, "KEY_UNAVAILABLE", $"it cannot be known now whether this idempotency key has a VM already: {why}; try again with the same key", TimeSpan.FromSeconds(1));

    public static RpcException TooManyKeys(int most) => Make(
        Code.ResourceExhausted, "TOO_MANY_CALLERS", $"{most} callers with idempotency keys are being served or wait at the node that keeps theirs", TimeSpan.FromSeconds(1));

    public static RpcException KeysFull(string home, int most) => Make(
        Code.ResourceExhausted, "TOO_MANY_KEYS",
        $"{home}, which keeps this idempotency key, keeps {most} that have VMs or may have, which is the most: release VMs, bring hosts back that are not reached, or acquire without a key",
        TimeSpan.FromSeconds(10));

    public static RpcException NotFromANode() => Make(
        Code.Unimplemented, "FOR_NODES_ALONE", "this is for the other nodes of the cluster alone, at this node's peer port", TimeSpan.Zero);

    /// <summary>A VM is not here, and may be on a host that this node does not know or reach now.</summary>
    public static RpcException OwnerUnknown(string vm, string why) => Make(
        Code.Unavailable, "OWNER_UNKNOWN", $"VM {vm} is not on this host, and it cannot be said yet whether it is on another one: {why}", TimeSpan.FromSeconds(1), ("vm", vm));

    public static RpcException NodeUnknown(string node, string why) => Make(
        Code.Unavailable, "NODE_UNKNOWN", $"node {RequestFaults.Quote(node)} is not known to this node yet: {why}", TimeSpan.FromSeconds(1), ("node", node));

    public static RpcException NodeAway(string node) => Make(
        Code.Unavailable, "HOST_AWAY", $"node {node} is not reached from this node now; its own socket answers on that host", TimeSpan.FromSeconds(1), ("node", node));

    public static RpcException NoneWarm(string pool, IReadOnlyList<string> told) => Make(
        Code.ResourceExhausted, "POOL_EXHAUSTED", $"no host of the cluster has a warm VM of pool {RequestFaults.Quote(pool)}{Each(told)}", TimeSpan.FromSeconds(1), ("pool", pool));

    public static RpcException NoneMade(string pool, IReadOnlyList<string> told) => Make(
        Code.ResourceExhausted, "POOL_EXHAUSTED", $"no host of the cluster makes a VM of pool {RequestFaults.Quote(pool)}{Each(told)}", TimeSpan.FromSeconds(1), ("pool", pool));

    public static RpcException NoHost(string pool, IEnumerable<KeyValuePair<string, string>> affinity) => Make(
        Code.ResourceExhausted, "NO_HOST",
        $"no host of the cluster that is up has a pool {RequestFaults.Quote(pool)}{string.Concat(affinity.Select(a => $" and the label {a.Key}={a.Value}"))}: see `vmcache cluster status`",
        TimeSpan.FromSeconds(5), ("pool", pool));

    public static RpcException UnknownNode(string node, IEnumerable<string> known) => Make(
        Code.NotFound, "UNKNOWN_NODE", $"there is no node {RequestFaults.Quote(node)} in the cluster; there is: {string.Join(", ", known.Order(StringComparer.Ordinal))}",
        TimeSpan.Zero, ("node", node));

    public static RpcException NoTemplate(TemplateDigest digest) => Make(
        Code.NotFound, "NO_TEMPLATE", $"there is no such template here: {RequestFaults.Quote(digest.Value)}", TimeSpan.Zero);

    public static RpcException TemplatesBusy(int many) => Make(
        Code.ResourceExhausted, "TEMPLATES_BUSY", $"it is sending {many} templates already", TimeSpan.FromSeconds(1));

    public static RpcException ForNodesAlone() => Make(
        Code.Unimplemented, "FOR_NODES_ALONE", "templates are given to the other nodes of the cluster alone, at this node's peer port", TimeSpan.Zero);

    private static string Each(IReadOnlyList<string> told) => told.Count == 0 ? "" : $" ({string.Join("; ", told)})";

    private static Code CodeOf(RefusalKind kind) => kind switch
    {
        RefusalKind.Exhausted => Code.ResourceExhausted,
        RefusalKind.UnknownPool or RefusalKind.NotFound => Code.NotFound,
        RefusalKind.WrongState or RefusalKind.StaleToken or RefusalKind.Unfinished or RefusalKind.NotGrown => Code.FailedPrecondition,
        RefusalKind.Invalid => Code.InvalidArgument,
        _ => Code.Unavailable,
    };

    private static string ReasonOf(RefusalKind kind) => kind switch
    {
        RefusalKind.Exhausted => "POOL_EXHAUSTED",
        RefusalKind.UnknownPool => "UNKNOWN_POOL",
        RefusalKind.NotFound => "UNKNOWN_VM",
        RefusalKind.WrongState => "WRONG_STATE",
        RefusalKind.NotGrown => "NOT_GROWN",
        RefusalKind.StaleToken => "STALE_TOKEN",
        RefusalKind.Invalid => "INVALID_WISH",
        RefusalKind.Unfinished => "END_INCOMPLETE",
        _ => "UNAVAILABLE",
    };

    private static RpcException Make(Code code, string reason, string message, TimeSpan retryAfter, params (string Key, string Value)[] metadata)
        => Describe(code, reason, message, retryAfter, metadata).ToRpcException();

    private static Status Describe(Code code, string reason, string message, TimeSpan retryAfter, params (string Key, string Value)[] metadata)
    {
        var info = new ErrorInfo { Domain = ErrorDomain, Reason = reason };
        foreach (var (key, value) in metadata) info.Metadata[key] = value;
        var status = new Status { Code = (int)code, Message = message, Details = { Any.Pack(info) } };
        if (retryAfter > TimeSpan.Zero) status.Details.Add(Any.Pack(new RetryInfo { RetryDelay = Duration.FromTimeSpan(retryAfter) }));
        return status;
    }
}
