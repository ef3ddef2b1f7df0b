using Akka.Actor;
using Akka.Dispatch;
using Akka.Event;
using Akka.Hosting.Logging;

namespace VmCacheCluster.Gateway;

/// <summary>The actors' log, in the daemon's own format: the time and level are the host's to print.</summary>
public sealed class HostLogger : ReceiveActor, IRequiresMessageQueue<ILoggerMessageQueueSemantics>
{
    /// <summary>Goes with this logger. What it has not written when it is stopped, its queue writes: Akka's own would print it in a form of its own.</summary>
    public static readonly Akka.Configuration.Config Mailbox = Akka.Configuration.ConfigurationFactory.ParseString(
        $"akka.actor.mailbox.logger-queue.mailbox-type = \"{typeof(HostLogMailbox).FullName}, {typeof(HostLogMailbox).Assembly.GetName().Name}\"");

    public HostLogger()
    {
        var log = LogOf(Context.System);
        Receive<InitializeLogger>(_ => Sender.Tell(new LoggerInitialized()));
        Receive<LogEvent>(entry => Write(log, entry));
    }

    internal static ILogger LogOf(ActorSystem system) => system.Settings.Setup.Get<LoggerFactorySetup>().Value.LoggerFactory.CreateLogger("vmcached");

    internal static void Write(ILogger log, LogEvent entry) => log.Log(LevelOf(entry), entry.Cause, "{Message}", entry.Message?.ToString() ?? "");

    /// <summary>That a system shuts down is Akka's own affair: the daemon says itself that it stops.</summary>
    private static bool IsNoise(LogEvent entry) => entry.LogClass == typeof(CoordinatedShutdown) && entry.LogLevel() == Akka.Event.LogLevel.InfoLevel;

    private static Microsoft.Extensions.Logging.LogLevel LevelOf(LogEvent entry) => IsNoise(entry) ? Microsoft.Extensions.Logging.LogLevel.Debug : entry.LogLevel() switch
    {
        Akka.Event.LogLevel.DebugLevel => Microsoft.Extensions.Logging.LogLevel.Debug,
        Akka.Event.LogLevel.InfoLevel => Microsoft.Extensions.Logging.LogLevel.Information,
        Akka.Event.LogLevel.WarningLevel => Microsoft.Extensions.Logging.LogLevel.Warning,
        _ => Microsoft.Extensions.Logging.LogLevel.Error,
    };
}
