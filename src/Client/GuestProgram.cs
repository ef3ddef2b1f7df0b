namespace VmCacheCluster.Client;

/// <summary>A program that is to run in a guest.</summary>
public sealed record GuestProgram
{
    /// <summary>The program, looked up in the guest's PATH, and its arguments.</summary>
    public required IReadOnlyList<string> Args { get; init; }

    /// <summary>Added to the guest's own variables and to those of the late binding.</summary>
    public IReadOnlyDictionary<string, string> Environment { get; init; } = new Dictionary<string, string>();

    /// <summary>Null: "/".</summary>
    public string? WorkingDirectory { get; init; }

    /// <summary>The program and its children are killed then; null: never.</summary>
    public TimeSpan? Timeout { get; init; }
}

/// <summary>How a program ended, and what it printed.</summary>
/// <param name="Status">Exit status; 128 and the signal when it was killed by one.</param>
/// <param name="Stdout">As UTF-8.</param>
/// <param name="Stderr">As UTF-8.</param>
public sealed record GuestRun(int Status, string Stdout, string Stderr);
