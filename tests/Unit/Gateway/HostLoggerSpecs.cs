using Akka.Actor;
using Akka.Actor.Setup;
using Akka.Configuration;
using Akka.Event;
using Akka.Hosting.Logging;
using Microsoft.Extensions.Logging;
using VmCacheCluster.Gateway;
using VmCacheCluster.Tests.TestSupport;

namespace VmCacheCluster.Tests.Unit.Gateway;

public sealed class HostLoggerSpecs
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    [Theory]
    [InlineData("akka.host.conf")]
    [InlineData("akka.cluster.conf")]
    public async Task Writes_what_its_actor_had_not_written_when_it_was_stopped(string configuration)
    {
        using var log = new CapturedLog();
        using var loggers = LoggerFactory.Create(l => l.AddProvider(log));
        using var free = new ManualResetEventSlim();
        var system = Start(configuration, loggers);
        log.Writing = line => _ = !line.Contains("first", StringComparison.Ordinal) || free.Wait(Patience);

        var logger = await system.ActorSelection("/system/log*HostLogger").ResolveOne(Patience);
        system.Log.Warning("first");
        system.Log.Warning("second");
        // The logger is stopped while it writes the first line, as at the end of its system; what it has not looked at then, it never does.
        ((IInternalActorRef)logger).Stop();
        free.Set();
        await system.Terminate().WaitAsync(Patience);

        await Eventually.Async(() => log.Lines.Any(l => l.Contains("Warning: vmcached: second", StringComparison.Ordinal)), "the second line is written");
    }

    [Fact]
    public async Task Says_nothing_of_how_an_actor_system_shuts_down()
    {
        using var log = new CapturedLog();
        using var loggers = LoggerFactory.Create(l => l.AddProvider(log));
        var system = Start("akka.host.conf", loggers);

        await CoordinatedShutdown.Get(system).Run(CoordinatedShutdown.ClrExitReason.Instance).WaitAsync(Patience);
        await system.Terminate().WaitAsync(Patience);

        Assert.DoesNotContain(log.Lines, l => l.Contains("CoordinatedShutdown", StringComparison.Ordinal));
    }

    private static ActorSystem Start(string configuration, ILoggerFactory loggers)
    {
        var config = ConfigurationFactory.ParseString($"akka {{ loggers = [\"{typeof(HostLogger).AssemblyQualifiedName}\"], actor.provider = local }}")
            .WithFallback(HostLogger.Mailbox).WithFallback(ConfigurationFactory.FromResource(configuration, typeof(Daemon).Assembly));
        return ActorSystem.Create("logged", ActorSystemSetup.Create(BootstrapSetup.Create().WithConfig(config), new LoggerFactorySetup(loggers)));
    }
}
