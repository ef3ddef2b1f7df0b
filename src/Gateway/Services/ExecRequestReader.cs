using VmCacheCluster.Contracts.V1;
using VmCacheCluster.Domain.Ports;

namespace VmCacheCluster.Gateway.Services;

/// <summary>From Exec's first message to the program that is to run.</summary>
public static class ExecRequestReader
{
    public const int MostArgs = 4096;
    public const int MostArgBytes = 1 << 20;

    /// <returns>Meaningless when there are <paramref name="faults"/>.</returns>
    public static GuestCommand Read(ExecStart start, RequestFaults faults)
    {
        if (start.Args.Count == 0 || start.Args[0].Length == 0) faults.Add("start.args", "the program to run is missing");
        if (start.Args.Count > MostArgs) faults.Add("start.args", $"at most {MostArgs}, not {start.Args.Count}");
        if (start.Args.Sum(a => (long)a.Length) > MostArgBytes) faults.Add("start.args", $"at most {MostArgBytes} bytes together");
        if (start.Args.Any(a => a.Contains('\0'))) faults.Add("start.args", "an argument has no NUL");
        LateBindingRules.CheckEnvironment(start.Environment, "start.environment", faults);
        if (start.WorkingDirectory.Length > 0 && (!start.WorkingDirectory.StartsWith('/') || start.WorkingDirectory.Contains('\0')))
            faults.Add("start.working_directory", $"{RequestFaults.Quote(start.WorkingDirectory)} is no absolute path");
        return new GuestCommand(
            [.. start.Args], new Dictionary<string, string>(start.Environment), start.WorkingDirectory,
            AcquireRequestReader.Ttl(start.Timeout, "start.timeout", faults));
    }
}
