using System.Runtime.Serialization;
using Akka.Actor;
using Akka.Serialization;
using Google.Protobuf;

namespace VmCacheCluster.Actors.Cluster.Wire;

/// <summary>
/// Writes <see cref="IWireMessage"/>s as Protobuf under short manifests. A manifest stands for ever: a message whose meaning changes
/// gets another one. An unknown manifest (of a newer node) is refused by that message alone: the link stays up.
/// </summary>
public sealed class WireSerializer(ExtendedActorSystem system) : SerializerWithStringManifest(system)
{
    /// <summary>The number under which other nodes know it; 0 to 40 are Akka's own.</summary>
    public const int Number = 4217;

    private static readonly Dictionary<string, MessageParser> Parsers = new()
    {
        ["K1"] = Knock.Parser,
        ["A1"] = KnockAnswer.Parser,
        ["H1"] = HostReport.Parser,
        ["S1"] = Shares.Parser,
    };

    private static readonly Dictionary<Type, string> Manifests = Parsers.ToDictionary(p => p.Value.ParseFrom([]).GetType(), p => p.Key);

    public override int Identifier => Number;

    public override string Manifest(object o)
        => Manifests.TryGetValue(o.GetType(), out var manifest) ? manifest
            : throw new SerializationException($"{o.GetType().Name} is no message between nodes");

    public override byte[] ToBinary(object obj)
        => Manifests.ContainsKey(obj.GetType()) ? ((IMessage)obj).ToByteArray()
            : throw new SerializationException($"{obj.GetType().Name} is no message between nodes");

    public override object FromBinary(byte[] bytes, string manifest)
    {
        if (!Parsers.TryGetValue(manifest, out var parser))
            throw new SerializationException($"a message of an unknown kind, \"{manifest}\", came from another node: is that one newer than this?");
        try
        {
            return parser.ParseFrom(bytes);
        }
        catch (InvalidProtocolBufferException fault)
        {
            throw new SerializationException($"a message of kind \"{manifest}\" from another node cannot be read: {fault.Message}", fault);
        }
    }
}
