using System.Text;
using System.Text.Json;
using VmCacheCluster.Domain;
using VmCacheCluster.Hypervisor.Qemu.Records;
using Xunit;

namespace VmCacheCluster.Tests.Unit.Qemu;

public sealed class LeaseFileSpecs
{
    private static readonly LeaseRecord Lease = new(
        LeaseToken.New(), "", "abc", SandboxId.TryParse("pod-1", out var sandbox) ? sandbox : null,
        new Dictionary<string, string> { ["team"] = "a \"b\" ü" }, TimeSpan.FromSeconds(90.5));

    [Fact]
    public void Reads_back_what_was_written()
    {
        var (lease, problem) = Parse(Json());

        Assert.Null(problem);
        Assert.Equal(Lease.Labels, lease!.Labels);
        Assert.Equal(Lease, lease with { Labels = Lease.Labels });
    }

    [Fact]
    public void Notices_every_truncation()
    {
        for (var length = 0; length < Json().TrimEnd().Length; length++) Assert.NotNull(Parse(Json()[..length]).Problem);
    }

    [Theory]
    [InlineData("[]", "no version")]
    [InlineData("{\"version\": \"one\"}", "no version")]
    [InlineData("{\"version\": 2}", "version 2")]
    [InlineData("{\"version\": 1}", "damaged")]
    [InlineData("{\"version\": 1, \"token\": \"x\", \"idempotencyKey\": \"\", \"requestDigest\": \"\", \"sandbox\": null, \"labels\": {}, \"ttlMilliseconds\": 1}", "token")]
    public void Says_what_is_wrong_with_a_record(string text, string words)
    {
        var (lease, problem) = Parse(text);

        Assert.Null(lease);
        Assert.Contains(words, problem, StringComparison.Ordinal);
    }

    [Fact]
    public void Never_takes_a_path_for_a_sandbox() =>
        Assert.Contains("no sandbox id", Parse(Json().Replace("pod-1", "../etc", StringComparison.Ordinal)).Problem, StringComparison.Ordinal);

    private static (LeaseRecord? Lease, string? Problem) Parse(string text) => LeaseFile.Parse("/run/lease.json", Encoding.UTF8.GetBytes(text));

    private static string Json() => JsonSerializer.Serialize(LeaseJson.From(Lease), RecordJson.Default.LeaseJson);
}
