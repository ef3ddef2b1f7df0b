using VmCacheCluster.Agent;
using VmCacheCluster.Agent.Guest;
using VmCacheCluster.Guest.Preparing;

namespace VmCacheCluster.Guest.Processes;

/// <summary>What to run, checked and complete.</summary>
internal sealed record ProgramStart(string File, IReadOnlyList<string> Arguments, IReadOnlyList<string> Environment, string WorkingDirectory)
{
    public const string DefaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

    /// <param name="prepared">Variables that every program gets, below its own and above the guest's.</param>
    /// <exception cref="TtrpcStatusException">INVALID_ARGUMENT, NOT_FOUND or PERMISSION_DENIED, saying of what.</exception>
    public static ProgramStart From(ExecStart start, IReadOnlyDictionary<string, string> prepared)
    {
        if (start.Args.Count == 0 || start.Args[0].Length == 0) throw Invalid("args must name a program");
        var environment = new Dictionary<string, string>(StringComparer.Ordinal)
        {
            ["PATH"] = DefaultPath,
            ["HOME"] = "/root",
            ["TERM"] = "linux",
        };
        foreach (var (name, value) in prepared) environment[name] = value;
        foreach (var (name, value) in start.Env)
        {
            EnvironmentRules.Check(name, value);
            environment[name] = value;
        }

        var directory = start.WorkingDirectory.Length == 0 ? "/" : start.WorkingDirectory;
        if (start.Args.Append(directory).Any(text => text.Contains('\0'))) throw Invalid("arguments and working directory cannot hold NUL characters");
        if (!Directory.Exists(directory))
            throw new TtrpcStatusException(TtrpcStatusCode.NotFound, $"there is no working directory '{directory}' in the guest");
        return new ProgramStart(
            ProgramSearch.Find(start.Args[0], environment["PATH"], directory),
            start.Args,
            [.. environment.Select(pair => $"{pair.Key}={pair.Value}")],
            directory);
    }

    private static TtrpcStatusException Invalid(string message) => new(TtrpcStatusCode.InvalidArgument, message);
}
