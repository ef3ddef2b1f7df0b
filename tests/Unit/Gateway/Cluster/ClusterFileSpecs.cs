using VmCacheCluster.Domain;
using VmCacheCluster.Gateway.Cluster;
using Xunit;

namespace VmCacheCluster.Tests.Unit.Gateway.Cluster;

public sealed class ClusterFileSpecs : IDisposable
{
    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("vmc-state");

    public void Dispose() => _directory.Delete(true);

    [Fact]
    public async Task Remembers_nothing_when_it_never_was_in_a_cluster()
        => Assert.Null(await new ClusterFile(_directory.FullName).ReadAsync(default));

    [Fact]
    public async Task Reads_what_it_wrote_last()
    {
        var file = new ClusterFile(_directory.FullName);
        await file.WriteAsync(new ClusterMemory("c", "1", [new NodeAddress("10.0.0.1", 4750)]), default);
        await file.WriteAsync(new ClusterMemory("c", "2", [new NodeAddress("10.0.0.1", 4750), new NodeAddress("::1", 4751)]), default);

        var read = await file.ReadAsync(default);
        Assert.Equal(("c", "2"), (read!.ClusterName, read.ClusterId));
        Assert.Equal([new NodeAddress("10.0.0.1", 4750), new NodeAddress("::1", 4751)], read.Members);
        Assert.Single(_directory.GetFiles());
    }

    [Fact]
    public async Task Reads_the_names_of_members_and_of_former_ones_and_what_was_written_before_they_were_kept()
    {
        var file = new ClusterFile(_directory.FullName);
        var memory = new ClusterMemory("c", "1", [new NodeAddress("10.0.0.1", 4750)]) { Names = [new NodeName("a")], Former = [new NodeName("b"), new NodeName("c")] };
        await file.WriteAsync(memory, default);
        Assert.True(memory.SameAs((await file.ReadAsync(default))!));

        await File.WriteAllTextAsync(Path.Combine(_directory.FullName, "cluster.json"), "{\"version\":1,\"name\":\"c\",\"id\":\"1\",\"members\":[\"10.0.0.1:4750\"]}");
        Assert.True((memory with { Names = [], Former = [] }).SameAs((await file.ReadAsync(default))!));
    }

    [Theory]
    [InlineData("{\"version\":1,\"name\":\"c\",\"id\":\"1\",\"members\":[],\"former\":[\"/x\"]}")]
    [InlineData("")]
    [InlineData("{")]
    [InlineData("{\"version\":2}")]
    [InlineData("{\"version\":1,\"name\":\"c\",\"id\":\"1\",\"members\":[\"x\"]}")]
    public async Task Says_where_it_is_when_it_makes_no_sense(string text)
    {
        var path = Path.Combine(_directory.FullName, "cluster.json");
        await File.WriteAllTextAsync(path, text);
        var fault = await Assert.ThrowsAsync<IOException>(() => new ClusterFile(_directory.FullName).ReadAsync(default));
        Assert.StartsWith(path, fault.Message, StringComparison.Ordinal);
    }
}
