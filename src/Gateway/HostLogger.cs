using Akka.Actor;
using Akka.Dispatch;
using Akka.Event;
using Akka.Hosting.Logging;

namespace VmCacheCluster.Gateway;

/// <summary>The actors' log, in the daemon's own format: the time and level are the host's to print.</summary>
public sealed class HostLogger : ReceiveActor, IRequiresMessageQueue<ILoggerMessageQueueSemantics>
{
    public HostLogger()
    {
        var factory = Context.System.Settings.Setup.Get<LoggerFactorySetup>().Value.LoggerFactory;
        var log = factory.CreateLogger("vmcached");
        Receive<InitializeLogger>(_ => Sender.Tell(new LoggerInitialized()));
        Receive<LogEvent>(entry => log.Log(LevelOf(entry), entry.Cause, "{Message}", entry.ToStringMessage()));
    }

    private static Microsoft.Extensions.Logging.LogLevel LevelOf(LogEvent entry) => entry.LogLevel() switch
    {
        Akka.Event.LogLevel.DebugLevel => Microsoft.Extensions.Logging.LogLevel.Debug,
        Akka.Event.LogLevel.InfoLevel => Microsoft.Extensions.Logging.LogLevel.Information,
        Akka.Event.LogLevel.WarningLevel => Microsoft.Extensions.Logging.LogLevel.Warning,
        _ => Microsoft.Extensions.Logging.LogLevel.Error,
    };
}

file static class LogEventText
{
    public static string ToStringMessage(this LogEvent entry) => entry.Message?.ToString() ?? "";
}
