namespace VmCacheCluster.Cli;

/// <summary>What surrounds the CLI: its streams, its environment, its clock. Tests bring their own.</summary>
internal sealed record CliHost
{
    public required TextWriter Out { get; init; }

    public required TextWriter Error { get; init; }

    /// <summary>Standard input as bytes; opened only by a verb that reads it.</summary>
    public required Func<Stream> OpenIn { get; init; }

    /// <summary>Standard output and error as bytes, for what a command in a VM prints.</summary>
    public required Func<Stream> OpenOut { get; init; }

    public required Func<Stream> OpenError { get; init; }

    public bool InIsRedirected { get; init; }

    public bool OutIsTerminal { get; init; }

    public bool ErrorIsTerminal { get; init; }

    public Func<string, string?> Environment { get; init; } = _ => null;

    public TimeProvider Time { get; init; } = TimeProvider.System;

    internal static CliHost OfProcess() => new()
    {
        Out = Console.Out,
        Error = Console.Error,
        OpenIn = Console.OpenStandardInput,
        OpenOut = () => new StandardStream(1),
        OpenError = () => new StandardStream(2),
        InIsRedirected = Console.IsInputRedirected,
        OutIsTerminal = !Console.IsOutputRedirected,
        ErrorIsTerminal = !Console.IsErrorRedirected,
        Environment = System.Environment.GetEnvironmentVariable,
    };
}
