using VmCacheCluster.Agent;
using VmCacheCluster.Agent.Guest;

namespace VmCacheCluster.Guest.Processes;

/// <summary>What to run, checked and complete.</summary>
internal sealed record ProgramStart(string File, IReadOnlyList<string> Arguments, IReadOnlyList<string> Environment, string WorkingDirectory)
{
    public const string DefaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

    /// <exception cref="TtrpcStatusException">INVALID_ARGUMENT, NOT_FOUND or PERMISSION_DENIED, saying of what.</exception>
    public static ProgramStart From(ExecStart start)
    {
        if (start.Args.Count == 0 || start.Args[0].Length == 0) throw Invalid("args must name a program");
        var environment = new Dictionary<string, string>(StringComparer.Ordinal)
        {
            ["PATH"] = DefaultPath,
            ["HOME"] = "/root",
            ["TERM"] = "linux",
        };
        foreach (var (name, value) in start.Env)
        {
            if (name.Length == 0 || name.Contains('=')) throw Invalid($"'{name}' cannot be the name of an environment variable");
            environment[name] = value;
        }

        var directory = start.WorkingDirectory.Length == 0 ? "/" : start.WorkingDirectory;
        if (start.Args.Append(directory).Any(HasNul) || environment.Any(pair => HasNul(pair.Key) || HasNul(pair.Value)))
            throw Invalid("arguments, environment and working directory cannot hold NUL characters");
        if (!Directory.Exists(directory))
            throw new TtrpcStatusException(TtrpcStatusCode.NotFound, $"there is no working directory '{directory}' in the guest");
        return new ProgramStart(
            ProgramSearch.Find(start.Args[0], environment["PATH"], directory),
            start.Args,
            [.. environment.Select(pair => $"{pair.Key}={pair.Value}")],
            directory);
    }

    private static bool HasNul(string text) => text.Contains('\0');
    private static TtrpcStatusException Invalid(string message) => new(TtrpcStatusCode.InvalidArgument, message);
}
