using Google.Protobuf;
using VmCacheCluster.Agent.Wire;

namespace VmCacheCluster.Agent;

/// <summary>Parsing of what a peer sent, with errors that name the call.</summary>
internal static class TtrpcMessages
{
    /// <exception cref="TtrpcStatusException">INTERNAL: the payload is no such message.</exception>
    public static T Parse<T>(MessageParser<T> parser, ReadOnlyMemory<byte> payload, string call) where T : IMessage<T>
    {
        try
        {
            return parser.ParseFrom(payload.Span);
        }
        catch (InvalidProtocolBufferException e)
        {
            throw new TtrpcStatusException(TtrpcStatusCode.Internal, $"{call} answered with what is no {typeof(T).Name}: {e.Message}");
        }
    }

    /// <summary>What a failed call is answered with.</summary>
    public static Status StatusOf(Exception failure) =>
        failure is TtrpcStatusException s ? StatusOf(s.Code, s.Message) : StatusOf(TtrpcStatusCode.Internal, failure.Message);

    public static Status StatusOf(TtrpcStatusCode code, string message) => new() { Code = (int)code, Message = message };

    /// <summary>A response frame's payload, or the exception that its status stands for.</summary>
    public static (ReadOnlyMemory<byte> Payload, Exception? Failure) Open(TtrpcFrame frame)
    {
        try
        {
            var response = Response.Parser.ParseFrom(frame.Payload.Span);
            var code = (TtrpcStatusCode)(response.Status?.Code ?? 0);
            return code == TtrpcStatusCode.Ok
                ? (response.Payload.Memory, null)
                : (default, new TtrpcStatusException(code, response.Status!.Message));
        }
        catch (InvalidProtocolBufferException e)
        {
            return (default, new TtrpcStatusException(TtrpcStatusCode.Internal, $"the answer cannot be read: {e.Message}"));
        }
    }
}
