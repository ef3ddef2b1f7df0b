using Grpc.Core;
using VmCacheCluster.Client;
using VmCacheCluster.Kata;

namespace VmCacheCluster.Cli;

/// <summary>What every failure is to the user: exit status, and a message that says what to do. The one place for it.</summary>
internal static class Errors
{
    internal static CliException Of(Exception fault) => fault switch
    {
        CliException known => known,
        VmCacheException refused => Of(refused),
        OperationCanceledException => new CliException(ExitCode.Interrupted, "CANCELLED", "INTERRUPTED", "interrupted", fault),
        ArgumentException argument => new CliException(ExitCode.Usage, "INVALID_ARGUMENT", "USAGE", argument.Message, fault),
        BrokenPipeException => new CliException(ExitCode.BrokenPipe, "CANCELLED", "BROKEN_PIPE", fault.Message, fault),
        KataFormatException => new CliException(
            ExitCode.Failed, "INTERNAL", "BAD_ANSWER", $"the server's answer is not in Kata's form: {fault.Message}; is it a cache server?", fault),
        UnauthorizedAccessException or IOException =>
            new CliException(ExitCode.Failed, "INTERNAL", "HOST_IO", fault.Message, fault),
        _ => new CliException(ExitCode.Failed, "INTERNAL", "BUG", $"{fault.GetType().Name}: {fault.Message}", fault),
    };

    private static CliException Of(VmCacheException fault)
    {
        var advice = Advice(fault.Reason) ?? (fault.RetryAfter is { } delay ? $"try again in {Output.Durations.Exact(delay)}" : null);
        return new CliException(
            ExitOf(fault), CodeName(fault.Code), fault.Reason, advice is null ? fault.Message : $"{fault.Message}; {advice}", fault)
        {
            Metadata = fault.Metadata,
            RetryAfter = fault.RetryAfter,
        };
    }

    private static string? Advice(string reason) => reason switch
    {
        Reasons.NoSocket or Reasons.NotListening =>
            "is vmcached running? start it ('vmcached', or 'systemctl start vmcached'), or name its socket by --endpoint or VMCACHE_ENDPOINT",
        Reasons.SocketPermission => "the socket is for its owner alone: run vmcache as the user that runs vmcached (sudo)",
        Reasons.ConnectionLost => "did vmcached stop? see its log",
        Reasons.TooManyConnections => "close idle ones, or raise max-connections and vmcached's limit of open files: its log tells both",
        Reasons.NotVmcached => "is it vmcached's socket, and is vmcached as new as vmcache? see --endpoint",
        Reasons.Agent => "the guest may have crashed (see its console), or another client may hold its agent's channel",
        Reasons.Monitor => "QEMU may be gone, or another client may hold its monitor: see 'vmcache status'",
        "STALE_TOKEN" => "the lease may have ended, or be another holder's: see 'vmcache list'; name its token by --token or VMCACHE_TOKEN",
        "END_INCOMPLETE" => "it is tried again every few seconds: see 'vmcache status'",
        "UNKNOWN_POOL" or "WRONG_STATE" => "see 'vmcache status'",
        "BAD_TOKEN" => "name it by --token or VMCACHE_TOKEN",
        Reasons.BadTls => "see --tls-certificate, --tls-key and --tls-ca, and the names and the authority in the gateway's certificate",
        "PERMISSION_DENIED" => "ask its operator",
        Reasons.Deadline => "it may be busy or hanging: see 'vmcache status' and its log",
        _ => null,
    };

    private static int ExitOf(VmCacheException fault) => fault.Code switch
    {
        StatusCode.Unavailable => ExitCode.NotReachable,
        StatusCode.NotFound => ExitCode.NotFound,
        StatusCode.ResourceExhausted or StatusCode.DeadlineExceeded => ExitCode.ExhaustedOrTimeout,
        StatusCode.FailedPrecondition or StatusCode.Aborted => ExitCode.WrongState,
        StatusCode.InvalidArgument => ExitCode.Usage,
        _ => ExitCode.Failed,
    };

    private static string CodeName(StatusCode code) => code switch
    {
        StatusCode.Cancelled => "CANCELLED",
        StatusCode.InvalidArgument => "INVALID_ARGUMENT",
        StatusCode.DeadlineExceeded => "DEADLINE_EXCEEDED",
        StatusCode.NotFound => "NOT_FOUND",
        StatusCode.AlreadyExists => "ALREADY_EXISTS",
        StatusCode.PermissionDenied => "PERMISSION_DENIED",
        StatusCode.ResourceExhausted => "RESOURCE_EXHAUSTED",
        StatusCode.FailedPrecondition => "FAILED_PRECONDITION",
        StatusCode.Aborted => "ABORTED",
        StatusCode.OutOfRange => "OUT_OF_RANGE",
        StatusCode.Unimplemented => "UNIMPLEMENTED",
        StatusCode.Internal => "INTERNAL",
        StatusCode.Unavailable => "UNAVAILABLE",
        StatusCode.DataLoss => "DATA_LOSS",
        StatusCode.Unauthenticated => "UNAUTHENTICATED",
        _ => "UNKNOWN",
    };
}
