using Google.Protobuf;
using VmCacheCluster.Kata.Wire;
using VmCacheCluster.Tests.TestSupport;
using Xunit;

namespace VmCacheCluster.Tests.Unit.Kata;

/// <summary>Every recorded message is read, means what is recorded beside it, and is written as the same bytes.</summary>
public sealed class GrpcMessageSpecs
{
    private static readonly Dictionary<string, MessageParser> Parsers = new()
    {
        ["GrpcVM"] = GrpcVM.Parser, ["GrpcVMConfig"] = GrpcVMConfig.Parser, ["GrpcStatus"] = GrpcStatus.Parser,
    };

    [SkippableTheory]
    [InlineData("GrpcStatus-3vms")]
    [InlineData("GrpcStatus-none")]
    [InlineData("GrpcVM-allfields")]
    [InlineData("GrpcVM-empty")]
    [InlineData("GrpcVM-hotplugged")]
    [InlineData("GrpcVM-q35")]
    [InlineData("GrpcVMConfig-01-default-q35-image")]
    [InlineData("GrpcVMConfig-04-vmcache-initrd-none")]
    [InlineData("GrpcVMConfig-13-kernel-params-escapes")]
    public void Reads_and_writes_what_was_recorded(string name)
    {
        var bytes = Vectors.Read($"grpcvm/{name}.bin");
        var parser = Parsers[name.Split('-')[0]];
        var read = (IMessage)parser.ParseFrom(bytes);

        Assert.Equal(bytes, read.ToByteArray());
        var meant = JsonParser.Default.Parse(System.Text.Encoding.UTF8.GetString(Vectors.Read($"grpcvm/{name}.protojson")), read.Descriptor);
        Assert.Equal(meant, read);
    }
}
