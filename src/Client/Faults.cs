using System.Net.Sockets;
using System.Security.Authentication;
using Grpc.Core;

namespace VmCacheCluster.Client;

/// <summary>Turns what gRPC throws into <see cref="VmCacheException"/>: the one place where that is decided.</summary>
internal static class Faults
{
    /// <summary>HTTP/2's error for callers of whom there are too many.</summary>
    private const long EnhanceYourCalm = 0xb;

    internal static VmCacheException Of(RpcException fault, string endpoint, TimeSpan timeout)
    {
        var socket = Find<SocketException>(fault.Status.DebugException);
        if (fault.StatusCode is StatusCode.Unavailable or StatusCode.Internal && socket is not null)
        {
            return NotConnected(socket, endpoint, fault);
        }

        if (fault.StatusCode is StatusCode.Unavailable or StatusCode.Internal && Find<AuthenticationException>(fault.Status.DebugException) is { } untrusted)
        {
            return new VmCacheException(StatusCode.Unauthenticated, Reasons.BadTls, $"no TLS connection with {endpoint} comes about: {(untrusted.InnerException ?? untrusted).Message}", fault);
        }

        // A vmcached that lets no more connections in says so with this error, before it hangs up.
        if (Find<HttpProtocolException>(fault.Status.DebugException) is { ErrorCode: EnhanceYourCalm })
        {
            return new VmCacheException(
                StatusCode.ResourceExhausted, Reasons.TooManyConnections, $"{endpoint} has as many connections open as vmcached allows", fault);
        }

        var details = StatusDetails.Of(fault.Trailers);
        if (details.Reason.Length > 0)
        {
            return new VmCacheException(fault.StatusCode, details.Reason, Text(fault, endpoint), fault)
            {
                Metadata = details.Metadata,
                RetryAfter = details.RetryAfter,
            };
        }

        return fault.StatusCode switch
        {
            StatusCode.DeadlineExceeded => new VmCacheException(
                fault.StatusCode, Reasons.Deadline, $"no answer from {endpoint} within {Seconds(timeout)}", fault),
            StatusCode.Unimplemented => new VmCacheException(
                fault.StatusCode, Reasons.NotVmcached, $"what listens at {endpoint} does not know this call", fault),
            StatusCode.Unavailable or StatusCode.Internal when Find<HttpRequestException>(fault.Status.DebugException) is not null =>
                NotSpoken(fault, endpoint),
            var code => new VmCacheException(code, Name(code), Text(fault, endpoint), fault) { RetryAfter = details.RetryAfter },
        };
    }

    /// <summary>gRPC's own spelling: <c>RESOURCE_EXHAUSTED</c>.</summary>
    internal static string Name(StatusCode code)
    {
        var words = string.Concat(code.ToString().Select((c, i) => i > 0 && char.IsUpper(c) ? $"_{c}" : $"{c}"));
        return words.ToUpperInvariant() is "O_K" ? "OK" : words.ToUpperInvariant();
    }

    internal static string Seconds(TimeSpan time) => FormattableString.Invariant($"{time.TotalSeconds:0.###} s");

    private static VmCacheException NotConnected(SocketException socket, string endpoint, Exception inner) => socket.SocketErrorCode switch
    {
        SocketError.AccessDenied => new VmCacheException(
            StatusCode.Unavailable, Reasons.SocketPermission, $"cannot connect to {endpoint}: permission denied", inner),
        SocketError.ConnectionRefused => new VmCacheException(
            StatusCode.Unavailable, Reasons.NotListening, $"cannot connect to {endpoint}: nothing listens there", inner),
        SocketError.ConnectionReset or SocketError.Shutdown or SocketError.ConnectionAborted => new VmCacheException(
            StatusCode.Unavailable, Reasons.ConnectionLost, $"the connection to {endpoint} was lost", inner),
        _ when !Path.Exists(endpoint) => new VmCacheException(
            StatusCode.Unavailable, Reasons.NoSocket, $"cannot connect to {endpoint}: there is no such socket", inner),
        _ => new VmCacheException(
            StatusCode.Unavailable, Reasons.NotListening, $"cannot connect to {endpoint}: {socket.Message}", inner),
    };

    private static VmCacheException NotSpoken(RpcException fault, string endpoint) =>
        Find<HttpRequestException>(fault.Status.DebugException)!.HttpRequestError switch
        {
            // .NET's client has disposed of a connection that was closed while it was set up, and tells that instead of the cause.
            _ when Find<ObjectDisposedException>(fault.Status.DebugException) is not null => new VmCacheException(
                fault.StatusCode, Reasons.ConnectionLost, $"the connection to {endpoint} was closed before the call was sent", fault),
            HttpRequestError.ConnectionError or HttpRequestError.ResponseEnded => new VmCacheException(
                fault.StatusCode, Reasons.ConnectionLost, $"the connection to {endpoint} was lost before the answer came", fault),
            _ => new VmCacheException(
                fault.StatusCode, Reasons.NotVmcached, $"what listens at {endpoint} does not speak gRPC", fault),
        };

    private static string Text(RpcException fault, string endpoint) =>
        fault.Status.Detail is { Length: > 0 } detail ? detail : $"{endpoint} answered {Name(fault.StatusCode)} without a message";

    private static T? Find<T>(Exception? exception)
        where T : Exception
    {
        for (; exception is not null; exception = exception.InnerException)
        {
            if (exception is T found)
            {
                return found;
            }
        }

        return null;
    }
}
