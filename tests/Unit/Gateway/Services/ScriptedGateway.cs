using System.Collections.Concurrent;
using Akka.Actor;
using Akka.Hosting;
using VmCacheCluster.Actors.Gateway;

namespace VmCacheCluster.Tests.Unit.Gateway.Services;

/// <summary>Stands where the actors are: does with each message what a test wants, and remembers them all.</summary>
internal sealed class ScriptedGateway : IRequiredActor<GatewayActor>, IAsyncDisposable
{
    private readonly ActorSystem _system = ActorSystem.Create("scripted", "akka.loglevel = OFF\nakka.stdout-loglevel = OFF");

    public ScriptedGateway() => ActorRef = _system.ActorOf(Props.Create(() => new Door(this)));

    /// <summary>Answers a message; null: there is no answer.</summary>
    public Func<object, object?> OnMessage { get; set; } = _ => null;

    public ConcurrentQueue<object> Messages { get; } = [];

    public IActorRef ActorRef { get; }

    public Task<IActorRef> GetAsync(CancellationToken cancellationToken = default) => Task.FromResult(ActorRef);

    public T Only<T>() => Assert.Single(Messages.OfType<T>());

    public async ValueTask DisposeAsync() => await _system.Terminate();

    private sealed class Door : ReceiveActor
    {
        public Door(ScriptedGateway script) => ReceiveAny(message =>
        {
            script.Messages.Enqueue(message);
            if (script.OnMessage(message) is { } answer) Sender.Tell(answer);
        });
    }
}
