using System.Globalization;
using Grpc.Core;
using Microsoft.AspNetCore.Http.Features;
using VmCacheCluster.Domain;
using VmCacheCluster.Gateway.Callers;

namespace VmCacheCluster.Gateway.Audit;

/// <summary>A line for each call that changes something, and for each that was refused for want of a right: who, from where, by which right, what, verdict.</summary>
public static partial class AuditLog
{
    public const string Category = "vmcached.audit";

    public static void UseAudit(this IApplicationBuilder app)
    {
        var log = app.ApplicationServices.GetRequiredService<ILoggerFactory>().CreateLogger(Category);
        app.Use(async (context, next) =>
        {
            var path = context.Request.Path.Value ?? "";
            if (AuditedCalls.Contains(path))
                context.Features.Set(new AuditEntry(subject => Tell(log, context, path, subject, "begun")));
            try
            {
                await next();
            }
            finally
            {
                var status = StatusOf(context.Response);
                // A refusal for want of a right is worth a line, whatever was called.
                if (AuditedCalls.Contains(path) || context.Features.Get<RefusedCall>() is not null)
                    Tell(log, context, path, context.Features.Get<AuditEntry>()?.Subject ?? "", VerdictOf(status));
            }
        });
    }

    private static void Tell(ILogger log, HttpContext context, string path, string subject, string verdict)
    {
        if (!log.IsEnabled(LogLevel.Information)) return;
        var right = context.Features.Get<Caller>() is { By: Entrance.Callers } ? $" by {CallerRights.Needed(path).ToString().ToLowerInvariant()}" : "";
        Line(log, MethodOf(path), CallerText.Of(context), right, subject.Length > 0 ? $": {subject}" : "", verdict);
    }

    /// <summary>A path that is no method's is its caller's text, which might look like another line's.</summary>
    private static string MethodOf(string path) => AuditedCalls.Knows(path) ? path[(path.LastIndexOf('/') + 1)..] : "a call of no method here";

    /// <summary>A call without a status was broken off.</summary>
    private static StatusCode StatusOf(HttpResponse response)
    {
        var trailers = response.HttpContext.Features.Get<IHttpResponseTrailersFeature>()?.Trailers;
        var text = trailers?.TryGetValue("grpc-status", out var last) == true ? last.ToString() : response.Headers["grpc-status"].ToString();
        return int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var code) ? (StatusCode)code : StatusCode.Cancelled;
    }

    private static string VerdictOf(StatusCode status) => status switch
    {
        StatusCode.OK => "done",
        StatusCode.Cancelled => "broken off",
        _ => $"refused, {status}",
    };

    [LoggerMessage(EventId = 1, Level = LogLevel.Information, Message = "{Method} from {Caller}{Right}{Subject}: {Verdict}")]
    private static partial void Line(ILogger log, string method, string caller, string right, string subject, string verdict);
}
