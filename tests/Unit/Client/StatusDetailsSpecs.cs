using CsCheck;
using Grpc.Core;
using VmCacheCluster.Client;
using Xunit;

namespace VmCacheCluster.Tests.Unit.Client;

public sealed class StatusDetailsSpecs
{
    [Fact]
    public void Finds_nothing_in_any_garbage_and_never_fails() =>
        Gen.Byte.Array[0, 64].Sample(bytes =>
        {
            var details = StatusDetails.Of(new Metadata { { StatusDetails.Trailer, bytes } });
            return details.Reason.Length == 0 && details.RetryAfter is null;
        });

    [Fact]
    public void Finds_nothing_when_there_is_no_trailer() => Assert.Equal("", StatusDetails.Of([]).Reason);

    [Theory]
    [InlineData(StatusCode.OK, "OK")]
    [InlineData(StatusCode.NotFound, "NOT_FOUND")]
    [InlineData(StatusCode.ResourceExhausted, "RESOURCE_EXHAUSTED")]
    public void Spells_a_status_as_gRPC_does(StatusCode code, string name) => Assert.Equal(name, Faults.Name(code));
}
