using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Logging.Console;
using VmCacheCluster.Domain;

namespace VmCacheCluster.Gateway;

/// <summary>One line an entry: time (UTC), level, source, message. What an entry repeats of others' text is escaped here, whoever wrote it.</summary>
public sealed class LogFormat() : ConsoleFormatter(Id)
{
    public const string Id = "vmcached";

    public override void Write<TState>(in LogEntry<TState> logEntry, IExternalScopeProvider? scopeProvider, TextWriter textWriter)
    {
        var message = logEntry.Formatter(logEntry.State, logEntry.Exception);
        var exception = logEntry.Exception is { } thrown ? $" {thrown}" : "";
        textWriter.Write($"{DateTimeOffset.UtcNow:yyyy-MM-ddTHH:mm:ss.fffZ} {Word(logEntry.LogLevel)}: {Printable.OneLine($"{logEntry.Category}[{logEntry.EventId.Id}] {message}{exception}")}\n");
    }

    private static string Word(LogLevel level) => level switch
    {
        LogLevel.Trace => "trce",
        LogLevel.Debug => "dbug",
        LogLevel.Information => "info",
        LogLevel.Warning => "warn",
        LogLevel.Error => "fail",
        _ => "crit",
    };
}
