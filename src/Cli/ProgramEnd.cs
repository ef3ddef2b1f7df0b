using VmCacheCluster.Cli.Output;
using VmCacheCluster.Client;

namespace VmCacheCluster.Cli;

/// <summary>How a program in a VM ended, as our own exit status.</summary>
internal static class ProgramEnd
{
    internal static int Status(CliHost host, int status, int signal, bool timedOut, TimeSpan? limit)
    {
        if (timedOut)
        {
            host.Error.WriteLine($"vmcache: the command was killed at its time limit, {Durations.Exact(limit ?? TimeSpan.Zero)}");
            return ExitCode.CommandTimedOut;
        }

        return signal > 0 ? 128 + signal : status & 0xFF;
    }

    /// <summary>A status below 124 would be taken for the command's own.</summary>
    internal static CliException AsExec(CliException error) => error.ExitCode == ExitCode.Usage
        ? error
        : new CliException(
            error.Reason switch
            {
                VmExec.NotFoundReason => ExitCode.CommandNotFound,
                VmExec.NotExecutableReason => ExitCode.CommandNotExecutable,
                _ => ExitCode.ExecFailed,
            },
            error.Code, error.Reason, error.Message, error)
        {
            Metadata = error.Metadata,
            RetryAfter = error.RetryAfter,
        };
}
