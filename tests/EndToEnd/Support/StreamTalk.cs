using System.Text;
using System.Text.Json;
using VmCacheCluster.Tests.TestSupport;

namespace VmCacheCluster.Tests.EndToEnd.Support;

/// <summary>By hand, over a stream that leads to a socket of a VM.</summary>
internal static class StreamTalk
{
    /// <summary>Asks a monitor from its greeting on: "paused", "running", ...</summary>
    public static async Task<string> StatusAsync(Stream monitor)
    {
        using var lines = new StreamReader(monitor, leaveOpen: true);
        Assert.True((await NextAsync(lines)).TryGetProperty("QMP", out _));
        await ExecuteAsync(monitor, lines, "qmp_capabilities");
        return (await ExecuteAsync(monitor, lines, "query-status")).GetProperty("status").GetString()!;
    }

    /// <summary>Reads until this has come.</summary>
    public static async Task UntilAsync(Stream console, string text)
    {
        var seen = new StringBuilder();
        for (var chunk = new byte[512]; !seen.ToString().Contains(text, StringComparison.Ordinal);)
        {
            var read = await console.ReadAsync(chunk).AsTask().WaitAsync(Eventually.Patience);
            Assert.True(read > 0, $"the console ended; it had said: {seen}");
            seen.Append(Encoding.UTF8.GetString(chunk, 0, read));
        }
    }

    private static async Task<JsonElement> ExecuteAsync(Stream monitor, StreamReader lines, string command)
    {
        await monitor.WriteAsync(Encoding.UTF8.GetBytes($"{{\"execute\":\"{command}\"}}\n"));
        while (true)
        {
            // Events come in between.
            if ((await NextAsync(lines)).TryGetProperty("return", out var result)) return result;
        }
    }

    private static async Task<JsonElement> NextAsync(StreamReader lines)
        => JsonSerializer.Deserialize<JsonElement>((await lines.ReadLineAsync().WaitAsync(Eventually.Patience))!);
}
