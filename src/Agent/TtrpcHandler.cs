using System.Runtime.CompilerServices;
using Google.Protobuf;
using VmCacheCluster.Agent.Wire;

namespace VmCacheCluster.Agent;

/// <summary>A method of a server, without its types.</summary>
internal abstract class TtrpcHandler
{
    public abstract bool Streams { get; }

    /// <summary>Answers a request at once, on the thread that reads; null for a method that is to be run by <see cref="RunAsync"/>.</summary>
    public virtual Response? Answer(ReadOnlyMemory<byte> payload) => null;

    /// <summary>Runs one call.</summary>
    /// <param name="input">The messages of the client; of a single request, exactly one.</param>
    /// <param name="send">Sends one message of a stream.</param>
    /// <returns>The answer to a single request; null at the end of a stream.</returns>
    public abstract Task<IMessage?> RunAsync(TtrpcInbox input, Func<IMessage, ValueTask> send, CancellationToken cancel);

    protected static T Parse<T>(MessageParser<T> parser, ReadOnlyMemory<byte> payload) where T : IMessage<T>
    {
        try
        {
            return parser.ParseFrom(payload.Span);
        }
        catch (InvalidProtocolBufferException e)
        {
            throw new TtrpcStatusException(TtrpcStatusCode.InvalidArgument, $"the request is no {typeof(T).Name}: {e.Message}");
        }
    }
}

internal sealed class TtrpcUnaryHandler<TReq, TRes>(MessageParser<TReq> parser, Func<TReq, CancellationToken, ValueTask<TRes>> handler)
    : TtrpcHandler
    where TReq : IMessage<TReq>
    where TRes : IMessage<TRes>
{
    public override bool Streams => false;

    public override async Task<IMessage?> RunAsync(TtrpcInbox input, Func<IMessage, ValueTask> send, CancellationToken cancel)
    {
        var payload = await input.TakeAsync(cancel).ConfigureAwait(false) ?? ReadOnlyMemory<byte>.Empty;
        return await handler(Parse(parser, payload), cancel).ConfigureAwait(false);
    }
}

internal sealed class TtrpcImmediateHandler<TReq, TRes>(MessageParser<TReq> parser, Func<TReq, TRes> handler) : TtrpcHandler
    where TReq : IMessage<TReq>
    where TRes : IMessage<TRes>
{
    public override bool Streams => false;

    public override Response Answer(ReadOnlyMemory<byte> payload)
    {
        try
        {
            return new Response { Payload = UnsafeByteOperations.UnsafeWrap(handler(Parse(parser, payload)).ToByteArray()) };
        }
        catch (Exception e)
        {
            return new Response { Status = TtrpcMessages.StatusOf(e) };
        }
    }

    public override Task<IMessage?> RunAsync(TtrpcInbox input, Func<IMessage, ValueTask> send, CancellationToken cancel) =>
        throw new InvalidOperationException("an immediate method is answered, not run");
}

internal sealed class TtrpcBidiHandler<TIn, TOut>(
    MessageParser<TIn> parser, Func<IAsyncEnumerable<TIn>, Func<TOut, ValueTask>, CancellationToken, Task> handler)
    : TtrpcHandler
    where TIn : IMessage<TIn>
    where TOut : IMessage<TOut>
{
    public override bool Streams => true;

    public override async Task<IMessage?> RunAsync(TtrpcInbox input, Func<IMessage, ValueTask> send, CancellationToken cancel)
    {
        await handler(ReadAllAsync(input, cancel), message => send(message), cancel).ConfigureAwait(false);
        return null;
    }

    private async IAsyncEnumerable<TIn> ReadAllAsync(TtrpcInbox input, [EnumeratorCancellation] CancellationToken cancel)
    {
        while (await input.TakeAsync(cancel).ConfigureAwait(false) is { } payload) yield return Parse(parser, payload);
    }
}
