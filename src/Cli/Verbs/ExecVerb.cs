using System.CommandLine;
using VmCacheCluster.Agent.Guest;
using VmCacheCluster.Cli.Output;
using VmCacheCluster.Client;

namespace VmCacheCluster.Cli.Verbs;

internal static class ExecVerb
{
    /// <summary>What the guest gets beyond the command's own time limit to end it and to say so.</summary>
    private static readonly TimeSpan Slack = TimeSpan.FromSeconds(10);

    internal static Command Create(Globals globals)
    {
        var word = new Argument<string>("VM") { Description = "A leased, running VM: its id, or an unambiguous beginning of it" };
        var command = new Argument<string[]>("CMD")
        {
            Description = "The program and its arguments, after '--'; the program is looked up in the guest's PATH",
            Arity = ArgumentArity.OneOrMore,
        };
        var env = new Option<string[]>("--env", "-e")
        {
            Description = "A variable of the command's environment; may be given several times",
            HelpName = "K=V",
        };
        var timeout = DurationOption.Create("--timeout", "Kill the command and its children after this long, and exit with 124");
        var cwd = new Option<string?>("--cwd") { Description = "The command's working directory in the guest (else /)", HelpName = "DIR" };
        var interactive = new Option<bool>("--stdin", "-i")
        {
            Description = "Give the command standard input even from a terminal; redirected input it gets anyway",
        };
        var verb = new Command("exec", "Run a command in a VM: vmcache exec VM [options] -- CMD ARGS")
        {
            word, command, env, timeout, cwd, interactive,
        };
        verb.SetAction((parse, cancel) =>
        {
            var start = Start(
                parse.GetRequiredValue(command), parse.GetValue(env) ?? [], parse.GetValue(cwd), parse.GetValue(timeout));
            var withInput = parse.GetValue(interactive) || globals.Host.InIsRedirected;
            return RunAsync(globals, parse, parse.GetRequiredValue(word), start, withInput, cancel);
        });
        return verb;
    }

    internal static ExecStart Start(string[] command, string[] env, string? cwd, TimeSpan? timeout)
    {
        var start = new ExecStart { WorkingDirectory = cwd ?? "", TimeoutMilliseconds = (ulong)(timeout?.TotalMilliseconds ?? 0) };
        start.Args.AddRange(command);
        foreach (var entry in env)
        {
            var equals = entry.IndexOf('=');
            if (equals <= 0)
            {
                throw CliException.Usage($"--env '{entry}' is not of the form NAME=VALUE");
            }

            start.Env[entry[..equals]] = entry[(equals + 1)..];
        }

        return start;
    }

    private static async Task<int> RunAsync(
        Globals globals, ParseResult parse, string word, ExecStart start, bool withInput, CancellationToken cancel)
    {
        using var client = globals.Connect(parse);
        try
        {
            var vm = await VmLookup.FindAsync(client, word, cancel).ConfigureAwait(false);
            Holding.RequireLeased(vm);
            var exited = await InVmAsync(globals.Host, vm.Id, vm.Qmp, vm.Agent, start, withInput, cancel).ConfigureAwait(false);
            return Status(globals, exited, start);
        }
        catch (Exception fault) when (fault is not (OperationCanceledException or BrokenPipeException))
        {
            throw AsExec(Errors.Of(fault));
        }
    }

    private static async Task<ExecExited> InVmAsync(
        CliHost host, string id, string qmp, string agent, ExecStart start, bool withInput, CancellationToken cancel)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        if (start.TimeoutMilliseconds > 0)
        {
            limit.CancelAfter(TimeSpan.FromMilliseconds(start.TimeoutMilliseconds) + Deadlines.AgentAnswer + Slack);
        }

        using var output = host.OpenOut();
        using var error = host.OpenError();
        try
        {
            return await VmExec.RunAsync(
                qmp, agent, Deadlines.AgentAnswer, start, withInput ? host.OpenIn() : null,
                chunk => output.WriteAsync(chunk, CancellationToken.None),
                chunk => error.WriteAsync(chunk, CancellationToken.None),
                limit.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (!cancel.IsCancellationRequested)
        {
            return new ExecExited { TimedOut = true };
        }
        catch (VmCacheException fault) when (fault.Reason == VmExec.PausedReason)
        {
            throw new CliException(
                ExitCode.WrongState, "FAILED_PRECONDITION", fault.Reason,
                $"VM {id} is paused: resume it by 'vmcache resume {id}' (or take VMs by 'vmcache get-base-vm --resume')", fault);
        }
    }

    private static int Status(Globals globals, ExecExited exited, ExecStart start)
    {
        if (exited.TimedOut)
        {
            var limit = Durations.Exact(TimeSpan.FromMilliseconds(start.TimeoutMilliseconds));
            globals.Host.Error.WriteLine($"vmcache: the command was killed at its time limit, {limit}");
            return ExitCode.CommandTimedOut;
        }

        return exited.Signal > 0 ? 128 + exited.Signal : exited.Status & 0xFF;
    }

    /// <summary>A status below 124 would be taken for the command's own.</summary>
    private static CliException AsExec(CliException error) => error.ExitCode == ExitCode.Usage
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
