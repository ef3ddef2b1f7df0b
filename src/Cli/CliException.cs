namespace VmCacheCluster.Cli;

/// <summary>An error as the user is told it.</summary>
/// <param name="exitCode">One of <see cref="Cli.ExitCode"/>.</param>
/// <param name="code">gRPC's name of the status, also for errors of our own: <c>FAILED_PRECONDITION</c>.</param>
/// <param name="reason">Machine-readable, upper case.</param>
/// <param name="message">One or two lines: what, where, what to do.</param>
internal sealed class CliException(int exitCode, string code, string reason, string message, Exception? inner = null)
    : Exception(message, inner)
{
    internal int ExitCode { get; } = exitCode;

    internal string Code { get; } = code;

    internal string Reason { get; } = reason;

    internal IReadOnlyDictionary<string, string> Metadata { get; init; } = new Dictionary<string, string>();

    internal TimeSpan? RetryAfter { get; init; }

    internal static CliException Usage(string message) =>
        new(Cli.ExitCode.Usage, "INVALID_ARGUMENT", "USAGE", message);
}
