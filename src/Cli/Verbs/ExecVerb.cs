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
        var token = Tokens.Option();
        var verb = new Command("exec", "Run a command in a VM: vmcache exec VM [options] -- CMD ARGS")
        {
            word, command, env, timeout, cwd, interactive, token,
        };
        verb.SetAction((parse, cancel) =>
        {
            var start = Start(
                parse.GetRequiredValue(command), parse.GetValue(env) ?? [], parse.GetValue(cwd), parse.GetValue(timeout));
            var withInput = parse.GetValue(interactive) || globals.Host.InIsRedirected;
            return RunAsync(globals, parse, parse.GetRequiredValue(word), Tokens.Of(parse, token, globals.Host), start, withInput, cancel);
        });
        return verb;
    }

    internal static ExecStart Start(string[] command, string[] env, string? cwd, TimeSpan? timeout)
    {
        var start = new ExecStart { WorkingDirectory = cwd ?? "", TimeoutMilliseconds = (ulong)(timeout?.TotalMilliseconds ?? 0) };
        start.Args.AddRange(command);
        foreach (var (name, value) in KeyValues.Parse("--env", env))
        {
            start.Env[name] = value;
        }

        return start;
    }

    private static async Task<int> RunAsync(
        Globals globals, ParseResult parse, string word, string token, ExecStart start, bool withInput, CancellationToken cancel)
    {
        using var client = globals.Connect(parse);
        try
        {
            var vm = await VmLookup.FindAsync(client, word, cancel).ConfigureAwait(false);
            Holding.RequireLeased(vm);
            TimeSpan? limit = start.TimeoutMilliseconds > 0 ? TimeSpan.FromMilliseconds(start.TimeoutMilliseconds) : null;
            if (vm.ExpiresAt is not null)
            {
                return await ByLeaseAsync(globals.Host, client, vm.Id, token, start, limit, withInput, cancel).ConfigureAwait(false);
            }

            var exited = await InVmAsync(globals.Host, vm.Id, vm.Qmp, vm.Agent, start, withInput, cancel).ConfigureAwait(false);
            return ProgramEnd.Status(globals.Host, exited.Status, exited.Signal, exited.TimedOut, limit);
        }
        catch (Exception fault) when (fault is not (OperationCanceledException or BrokenPipeException))
        {
            throw ProgramEnd.AsExec(Errors.Of(fault));
        }
    }

    /// <summary>The daemon holds the agent's channel of a VM that acquire gave, and runs programs for whoever shows the token.</summary>
    private static async Task<int> ByLeaseAsync(
        CliHost host, VmCacheClient client, string id, string token, ExecStart start, TimeSpan? limit, bool withInput, CancellationToken cancel)
    {
        if (token.Length == 0)
        {
            throw CliException.Usage($"VM {id} has a lease: name its token by --token or {Tokens.Variable}; 'vmcache acquire' printed it");
        }

        var program = new GuestProgram
        {
            Args = start.Args, Environment = start.Env.ToDictionary(), WorkingDirectory = start.WorkingDirectory, Timeout = limit,
        };
        using var output = host.OpenOut();
        using var error = host.OpenError();
        var exited = await client.ExecAsync(
            id, token, program, withInput ? host.OpenIn() : null,
            chunk => output.WriteAsync(chunk, CancellationToken.None),
            chunk => error.WriteAsync(chunk, CancellationToken.None),
            cancel).ConfigureAwait(false);
        return ProgramEnd.Status(host, exited.Status, exited.Signal, exited.TimedOut, limit);
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
}
