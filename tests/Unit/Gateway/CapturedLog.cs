using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;

namespace VmCacheCluster.Tests.Unit.Gateway;

/// <summary>What is written to the log, a line each.</summary>
internal sealed class CapturedLog : ILoggerProvider
{
    public ConcurrentQueue<string> Lines { get; } = [];

    /// <summary>Told of each line before it is kept.</summary>
    public Action<string> Writing { get; set; } = static _ => { };

    public ILogger CreateLogger(string categoryName) => new Category(this, categoryName);

    public void Dispose()
    {
    }

    private sealed class Category(CapturedLog log, string name) : ILogger
    {
        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            var line = $"{logLevel}: {name}: {formatter(state, exception)} {exception}";
            log.Writing(line);
            log.Lines.Enqueue(line);
        }
    }
}
