using System.CommandLine;
using VmCacheCluster.Cli.Output;

namespace VmCacheCluster.Cli.Verbs;

internal static class DurationOption
{
    /// <summary>An option such as <c>--timeout 30s</c>.</summary>
    internal static Option<TimeSpan?> Create(string name, string description) => new(name)
    {
        Description = description,
        HelpName = "DURATION",
        CustomParser = result =>
        {
            var text = result.Tokens.Count == 1 ? result.Tokens[0].Value : "";
            if (Durations.TryParse(text, out var duration))
            {
                return duration;
            }

            result.AddError($"{name} '{text}' is no duration above 0: write it as 500ms, 30s, 2m or 1h (at most a week)");
            return null;
        },
    };
}
