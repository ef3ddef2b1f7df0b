using System.Collections.Concurrent;
using Akka.Actor;
using Akka.Configuration;
using Akka.Dispatch;
using Akka.Dispatch.MessageQueues;
using Akka.Event;

namespace VmCacheCluster.Gateway;

/// <summary>The queue before <see cref="HostLogger"/>: what is in it when the logger is stopped is written all the same, and in the same form.
/// Akka's own queue for loggers prints that as Akka prints, past every setting.</summary>
public sealed class HostLogQueue(ILogger log) : IMessageQueue, IUnboundedMessageQueueSemantics, ILoggerMessageQueueSemantics
{
    private readonly ConcurrentQueue<Envelope> _queue = new();

    public bool HasMessages => !_queue.IsEmpty;

    public int Count => _queue.Count;

    public void Enqueue(IActorRef receiver, Envelope envelope) => _queue.Enqueue(envelope);

    public bool TryDequeue(out Envelope envelope) => _queue.TryDequeue(out envelope);

    public void CleanUp(IActorRef owner, IMessageQueue deadletters)
    {
        while (TryDequeue(out var envelope))
        {
            if (envelope.Message is LogEvent entry) HostLogger.Write(log, entry);
        }
    }
}

/// <summary>Makes it; Akka finds this by the configuration.</summary>
public sealed class HostLogMailbox(Settings settings, Config config) : MailboxType(settings, config), IProducesMessageQueue<HostLogQueue>
{
    public override IMessageQueue Create(IActorRef owner, ActorSystem system) => new HostLogQueue(HostLogger.LogOf(system));
}
