using System.Text;
using System.Text.Json;
using VmCacheCluster.Cli;

namespace VmCacheCluster.Tests.Unit.Cli;

/// <summary>One run of the CLI within the test's process.</summary>
internal sealed record CliRun(int Exit, string Out, string Error)
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    public JsonElement Json => JsonDocument.Parse(Out).RootElement;

    public JsonElement ErrorJson => JsonDocument.Parse(Error).RootElement.GetProperty("error");

    public static Task<CliRun> Of(params string[] args) => With(new Dictionary<string, string>(), args);

    public static Task<CliRun> With(IReadOnlyDictionary<string, string> environment, params string[] args) =>
        RunAsync(environment, "", CancellationToken.None, args);

    public static async Task<CliRun> RunAsync(
        IReadOnlyDictionary<string, string> environment, string? input, CancellationToken cancel, params string[] args)
    {
        using var output = new StringWriter();
        using var error = new StringWriter();
        using var rawOutput = new MemoryStream();
        using var rawError = new MemoryStream();
        var host = new CliHost
        {
            Out = output,
            Error = error,
            OpenIn = () => new MemoryStream(Encoding.UTF8.GetBytes(input ?? "")),
            OpenOut = () => new Unclosed(rawOutput),
            OpenError = () => new Unclosed(rawError),
            InIsRedirected = input is not null,
            Environment = name => environment.GetValueOrDefault(name),
        };
        var exit = await CliApp.RunAsync(args, host, cancel).WaitAsync(Patience);
        return new CliRun(exit, output + Text(rawOutput), error + Text(rawError));
    }

    private static string Text(MemoryStream stream) => Encoding.UTF8.GetString(stream.ToArray());

    /// <summary>The CLI closes what it opens; the test still reads it.</summary>
    private sealed class Unclosed(MemoryStream inner) : MemoryStream
    {
        public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default) =>
            inner.WriteAsync(buffer, cancellationToken);
    }
}
