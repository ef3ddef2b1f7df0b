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
            if (AuditedCalls.Contains(path, refused: false))
                context.Features.Set(new AuditEntry(subject => Tell(log, context, path, subject, "begun")));
            await next();
            var status = StatusOf(context.Response);
            if (AuditedCalls.Contains(path, refused: status is StatusCode.PermissionDenied or StatusCode.Unauthenticated))
                Tell(log, context, path, context.Features.Get<AuditEntry>()?.Subject ?? "", status == StatusCode.OK ? "done" : $"refused, {CodeOf(status)}");
        });
    }

    private static void Tell(ILogger log, HttpContext context, string path, string subject, string verdict)
    {
        if (!log.IsEnabled(LogLevel.Information)) return;
        var right = context.Features.Get<Caller>() is { By: Entrance.Callers } ? $" by {CallerRights.Needed(path).ToString().ToLowerInvariant()}" : "";
        Line(log, path[(path.LastIndexOf('/') + 1)..], CallerText.Of(context), right, subject.Length > 0 ? $": {subject}" : "", verdict);
    }

    /// <summary>A call without a status was broken off.</summary>
    private static StatusCode StatusOf(HttpResponse response)
    {
        var trailers = response.HttpContext.Features.Get<IHttpResponseTrailersFeature>()?.Trailers;
        var text = trailers?.TryGetValue("grpc-status", out var last) == true ? last.ToString() : response.Headers["grpc-status"].ToString();
        return int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var code) ? (StatusCode)code : StatusCode.Cancelled;
    }

    private static string CodeOf(StatusCode status) => status switch
    {
        StatusCode.Cancelled => "the caller has left",
        _ => status.ToString(),
    };

    [LoggerMessage(EventId = 1, Level = LogLevel.Information, Message = "{Method} from {Caller}{Right}{Subject}: {Verdict}")]
    private static partial void Line(ILogger log, string method, string caller, string right, string subject, string verdict);
}
