namespace VmCacheCluster.Cli;

/// <summary>How long the CLI waits for what its user gives no time limit for.</summary>
internal static class Deadlines
{
    /// <summary>A question that the node answers from memory.</summary>
    internal static readonly TimeSpan Query = TimeSpan.FromSeconds(10);

    /// <summary>A question whose answer would only make an error clearer.</summary>
    internal static readonly TimeSpan Afterthought = TimeSpan.FromSeconds(2);

    /// <summary>A release: QEMU gets to quit, then SIGTERM, then SIGKILL, before the node answers.</summary>
    internal static readonly TimeSpan Release = TimeSpan.FromSeconds(60);

    /// <summary>Resume, reseed and clock together, in a guest that may be slow.</summary>
    internal static readonly TimeSpan Resume = TimeSpan.FromSeconds(30);

    /// <summary>An agent's sign of life before a command is sent to it.</summary>
    internal static readonly TimeSpan AgentAnswer = TimeSpan.FromSeconds(10);
}
