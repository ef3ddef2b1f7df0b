using Grpc.Core;

namespace VmCacheCluster.Gateway.Audit;

/// <summary>What is told of one call. Tokens, labels, programs and their input are not: they may hold secrets.</summary>
public sealed class AuditEntry
{
    /// <summary>A subject may repeat what a caller wrote.</summary>
    private const int Longest = 200;

    private readonly Action<string> _begun;

    internal AuditEntry(Action<string> begun) => _begun = begun;

    /// <summary>What the call concerns: "VM 4f1c... of pool default"; empty: that did not come out.</summary>
    public string Subject { get; private set; } = "";

    /// <summary>Says what a call concerns that is about to be answered.</summary>
    public static void Concerns(ServerCallContext context, string subject)
    {
        if (Of(context) is { } entry) entry.Subject = Short(subject);
    }

    /// <summary>Says it of a call that may last: its beginning is told, too.</summary>
    public static void Begins(ServerCallContext context, string subject)
    {
        if (Of(context) is not { } entry) return;
        entry.Subject = Short(subject);
        entry._begun(entry.Subject);
    }

    private static string Short(string text) => text.Length <= Longest ? text : text[..Longest] + "...";

    private static AuditEntry? Of(ServerCallContext context) => context.GetHttpContext().Features.Get<AuditEntry>();
}
