using System.Globalization;
using Grpc.Core;
using Microsoft.AspNetCore.Http.Features;

namespace VmCacheCluster.Gateway.Services;

/// <summary>What is wrong with a call before its message is read, where the gRPC library would guess, or fail with a fault of its own.</summary>
public static class CallChecks
{
    private const string Timeout = "grpc-timeout";

    /// <summary>Of digits, in a grpc-timeout.</summary>
    private const int MostDigits = 8;

    public static void UseCallChecks(this IApplicationBuilder app) => app.Use(static (context, next) =>
    {
        if (context.Request.Headers.TryGetValue(Timeout, out var timeout) && Refusal(timeout.ToString()) is { } refusal)
        {
            Refuse(context.Response, refusal);
            return Task.CompletedTask;
        }

        if (context.Features.Get<IRequestBodyPipeFeature>() is { } body) context.Features.Set<IRequestBodyPipeFeature>(new CheckedBody(body));
        return next(context);
    });

    /// <summary>Answers a call that no service is to see.</summary>
    public static void Refuse(HttpResponse response, RpcException refusal)
    {
        response.ContentType = "application/grpc";
        response.Headers["grpc-status"] = ((int)refusal.StatusCode).ToString(CultureInfo.InvariantCulture);
        response.Headers["grpc-message"] = Uri.EscapeDataString(refusal.Status.Detail);
        foreach (var entry in refusal.Trailers.Where(t => t.IsBinary)) response.Headers[entry.Key] = Convert.ToBase64String(entry.ValueBytes);
    }

    /// <summary>
    /// The library's clock has ticks of 100 ns: a shorter time is none to it, and neither is one that it cannot read. Such a call would have
    /// no deadline at all.
    /// </summary>
    private static RpcException? Refusal(string timeout)
    {
        if (timeout.Length is < 2 or > MostDigits + 1 || !long.TryParse(timeout.AsSpan(..^1), NumberStyles.None, CultureInfo.InvariantCulture, out var value)
            || !"HMSmun".Contains(timeout[^1], StringComparison.Ordinal))
            return GrpcErrors.BadTimeout(timeout);
        return value == 0 || (timeout[^1] == 'n' && value < TimeSpan.NanosecondsPerTick) ? GrpcErrors.Overdue() : null;
    }

    /// <summary>The body is read by its pipe alone.</summary>
    private sealed class CheckedBody(IRequestBodyPipeFeature body) : IRequestBodyPipeFeature
    {
        private CheckedFrames? _frames;

        public System.IO.Pipelines.PipeReader Reader => _frames ??= new CheckedFrames(body.Reader);
    }
}
