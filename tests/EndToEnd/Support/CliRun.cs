using System.Diagnostics;
using System.Text.Json;
using VmCacheCluster.Tests.TestSupport;

namespace VmCacheCluster.Tests.EndToEnd.Support;

/// <summary>One run of the unmodified vmcache.</summary>
internal sealed record CliRun(int ExitCode, string Out, string Error)
{
    /// <summary>What it printed with -o json.</summary>
    public JsonElement Json => JsonSerializer.Deserialize<JsonElement>(Out);

    /// <exception cref="TimeoutException">It does not end.</exception>
    public static Task<CliRun> Async(string endpoint, params string[] arguments) => WithInputAsync(endpoint, "", arguments);

    /// <summary>The same, with standard input.</summary>
    public static async Task<CliRun> WithInputAsync(string endpoint, string input, params string[] arguments)
    {
        var start = new ProcessStartInfo(Dist.Cli, arguments) { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true };
        start.Environment["VMCACHE_ENDPOINT"] = endpoint;
        using var process = Process.Start(start)!;
        await process.StandardInput.WriteAsync(input);
        process.StandardInput.Close();
        var (output, error) = (process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync());
        try
        {
            await process.WaitForExitAsync().WaitAsync(Eventually.Patience);
        }
        catch (TimeoutException)
        {
            Processes.Signal(process.Id, Processes.Sigkill);
            throw new TimeoutException($"vmcache {string.Join(' ', arguments)} has not ended within {Eventually.Patience.TotalSeconds:0} s");
        }
        return new CliRun(process.ExitCode, await output, await error);
    }

    /// <summary>The same, for a run that must succeed.</summary>
    public static async Task<CliRun> SucceedingAsync(string endpoint, params string[] arguments)
    {
        var run = await Async(endpoint, arguments);
        Assert.True(run.ExitCode == 0, $"vmcache {string.Join(' ', arguments)} ended with status {run.ExitCode}: {run.Error}{run.Out}");
        return run;
    }
}
