using System.Buffers.Binary;
using Google.Protobuf;
using VmCacheCluster.Agent;
using VmCacheCluster.Agent.Wire;

namespace VmCacheCluster.Tests.Unit.Agent;

/// <summary>Frames written by hand, independently of the code under test.</summary>
internal static class Frames
{
    public static byte[] Bytes(uint length, uint id, byte type, byte flags, params byte[] payload)
    {
        var bytes = new byte[10 + payload.Length];
        BinaryPrimitives.WriteUInt32BigEndian(bytes, length);
        BinaryPrimitives.WriteUInt32BigEndian(bytes.AsSpan(4), id);
        bytes[8] = type;
        bytes[9] = flags;
        payload.CopyTo(bytes, 10);
        return bytes;
    }

    public static byte[] Bytes(TtrpcFrame frame) =>
        Bytes((uint)frame.Payload.Length, frame.StreamId, (byte)frame.Type, (byte)frame.Flags, frame.Payload.ToArray());

    public static byte[] Answer(uint id, IMessage message)
    {
        var payload = new Response { Payload = message.ToByteString() }.ToByteArray();
        return Bytes((uint)payload.Length, id, 2, 0, payload);
    }

    public static byte[] Request(uint id, string service, string method, IMessage message, TimeSpan timeout = default)
    {
        var request = new Request { Service = service, Method = method, Payload = message.ToByteString(), TimeoutNano = (long)timeout.TotalNanoseconds };
        var payload = request.ToByteArray();
        return Bytes((uint)payload.Length, id, 1, 1, payload);
    }
}
