using System.CommandLine;
using VmCacheCluster.Cli.Output;
using VmCacheCluster.Client;

namespace VmCacheCluster.Cli.Verbs;

internal static class AcquireVerb
{
    private static readonly TimeSpan StandardTimeout = TimeSpan.FromSeconds(60);

    internal static Command Create(Globals globals)
    {
        var wish = new AcquireWish();
        var interactive = new Option<bool>("--stdin", "-i")
        {
            Description = "Give the command standard input even from a terminal; redirected input it gets anyway",
        };
        var command = new Argument<string[]>("CMD")
        {
            Description = "A program and its arguments, after '--': runs in the VM, which is released when it ends",
            Arity = ArgumentArity.ZeroOrMore,
        };
        var verb = new Command("acquire", "Get a running VM of one's own, for a command or for as long as its lease is renewed") { command, interactive };
        foreach (var option in wish.Options) verb.Options.Add(option);
        verb.SetAction((parse, cancel) =>
        {
            var options = wish.Read(parse, StandardTimeout);
            var program = parse.GetValue(command) ?? [];
            if (program.Length > 0 && options.ClientHoldsAgent)
            {
                throw CliException.Usage("a command runs by the guest's agent, which --client-holds-agent keeps for the holder: leave one of them out");
            }

            return program.Length == 0
                ? PrintAsync(globals, parse, wish.Pool(parse), options with { AutomaticRenewal = false }, cancel)
                : RunAsync(globals, parse, wish.Pool(parse), options, program, parse.GetValue(interactive) || globals.Host.InIsRedirected, cancel);
        });
        return verb;
    }

    private static async Task<int> PrintAsync(
        Globals globals, ParseResult parse, string pool, AcquireOptions options, CancellationToken cancel)
    {
        using var client = globals.Connect(parse);
        var vm = await client.AcquireAsync(pool, options, cancel).ConfigureAwait(false);
        try
        {
            // It has arrived: from here on the lease's own time counts, not the grace period.
            await vm.RenewAsync(null, cancel).ConfigureAwait(false);
        }
        catch
        {
            await vm.DisposeAsync().ConfigureAwait(false);
            throw;
        }

        var view = ViewOf.Lease(vm);
        var format = globals.Format(parse);
        globals.Host.Out.Write(format == OutputFormat.Json
            ? Json.Text(view, Json.Views.LeaseView) + "\n"
            : LeaseText.Of(view, format == OutputFormat.Wide));
        return ExitCode.Ok;
    }

    private static async Task<int> RunAsync(
        Globals globals, ParseResult parse, string pool, AcquireOptions options, string[] program, bool withInput, CancellationToken cancel)
    {
        using var client = globals.Connect(parse);
        var vm = await client.AcquireAsync(pool, options, cancel).ConfigureAwait(false);
        try
        {
            return await InVmAsync(globals.Host, vm, program, withInput, cancel).ConfigureAwait(false);
        }
        finally
        {
            await ReleaseAsync(globals.Host, vm).ConfigureAwait(false);
        }
    }

    private static async Task<int> InVmAsync(CliHost host, LeasedVm vm, string[] program, bool withInput, CancellationToken cancel)
    {
        using var over = CancellationTokenSource.CreateLinkedTokenSource(cancel, vm.Lost);
        using var output = host.OpenOut();
        using var error = host.OpenError();
        try
        {
            var exited = await vm.ExecAsync(
                new GuestProgram { Args = program }, withInput ? host.OpenIn() : null,
                chunk => output.WriteAsync(chunk, CancellationToken.None),
                chunk => error.WriteAsync(chunk, CancellationToken.None),
                over.Token).ConfigureAwait(false);
            return ProgramEnd.Status(host, exited.Status, exited.Signal, exited.TimedOut, null);
        }
        catch (Exception) when (vm.LostBecause is { } lost && !cancel.IsCancellationRequested)
        {
            throw new CliException(
                ExitCode.ExecFailed, "FAILED_PRECONDITION", lost.Reason,
                $"the lease of VM {vm.Id} was lost while the command ran: {lost.Message}; the VM is gone with it: acquire another");
        }
        catch (Exception fault) when (fault is not (OperationCanceledException or BrokenPipeException))
        {
            throw ProgramEnd.AsExec(Errors.Of(fault));
        }
    }

    /// <summary>Whatever happened, also after Ctrl-C, hence without the verb's own token.</summary>
    private static async Task ReleaseAsync(CliHost host, LeasedVm vm)
    {
        try
        {
            await vm.ReleaseAsync().ConfigureAwait(false);
        }
        catch (VmCacheException) when (vm.LostBecause is not null)
        {
            // It has ended before.
        }
        catch (VmCacheException fault) when (fault.Reason == "END_INCOMPLETE")
        {
            host.Error.WriteLine($"vmcache: {Table.OneLine(fault.Message)}; it is tried again");
        }
        catch (VmCacheException fault)
        {
            host.Error.WriteLine($"vmcache: VM {vm.Id} was not released ({Table.OneLine(fault.Message)}); it ends with its lease");
        }
    }
}
