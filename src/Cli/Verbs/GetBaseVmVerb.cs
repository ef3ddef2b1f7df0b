using System.CommandLine;
using VmCacheCluster.Cli.Output;
using VmCacheCluster.Client;
using VmCacheCluster.Kata.Wire;

namespace VmCacheCluster.Cli.Verbs;

internal static class GetBaseVmVerb
{
    private static readonly TimeSpan StandardTimeout = TimeSpan.FromSeconds(30);

    internal static Command Create(Globals globals)
    {
        var resume = new Option<bool>("--resume")
        {
            Description = "Let it run: resume it, reseed its random numbers, set its clock, and wait until its agent has answered",
        };
        var timeout = DurationOption.Create("--timeout", $"How long to wait for a VM when none is warm (else {Durations.Exact(StandardTimeout)})");
        var verb = new Command("get-base-vm", "Take a paused VM from the socket's pool, as Kata's client does, and print it")
        {
            resume,
            timeout,
        };
        verb.SetAction((parse, cancel) =>
            RunAsync(globals, parse, parse.GetValue(resume), parse.GetValue(timeout) ?? StandardTimeout, cancel));
        return verb;
    }

    private static async Task<int> RunAsync(
        Globals globals, ParseResult parse, bool resume, TimeSpan timeout, CancellationToken cancel)
    {
        using var client = globals.Connect(parse);
        var taken = await TakeAsync(client, timeout, cancel).ConfigureAwait(false);
        BaseVmView view;
        try
        {
            var vm = await client.GetAsync(taken.Id, Deadlines.Query, cancel).ConfigureAwait(false);
            var times = resume
                ? await VmResume.RunAsync(vm.Qmp, vm.Agent, Deadlines.Resume, globals.Host.Time, cancel).ConfigureAwait(false)
                : null;
            view = ViewOf.BaseVm(vm, times);
        }
        catch (Exception fault)
        {
            throw await GiveBackAsync(client, taken.Id, Errors.Of(fault)).ConfigureAwait(false);
        }

        var format = globals.Format(parse);
        globals.Host.Out.Write(format == OutputFormat.Json
            ? Json.Text(view, Json.Views.BaseVmView) + "\n"
            : BaseVmText.Of(view, format == OutputFormat.Wide));
        return ExitCode.Ok;
    }

    private static async Task<GrpcVM> TakeAsync(VmCacheClient client, TimeSpan timeout, CancellationToken cancel)
    {
        try
        {
            return await client.GetBaseVmAsync(timeout, cancel).ConfigureAwait(false);
        }
        catch (VmCacheException fault) when (fault.Reason == Reasons.Deadline)
        {
            var why = await WhyNoneAsync(client, cancel).ConfigureAwait(false);
            throw new CliException(
                ExitCode.ExhaustedOrTimeout, "DEADLINE_EXCEEDED", fault.Reason,
                $"{client.Endpoint} gave no VM within {Durations.Exact(timeout)}{why}; wait longer with --timeout, or see 'vmcache status'", fault);
        }
    }

    /// <summary>What the pools say about themselves, for a caller who was told nothing by his deadline.</summary>
    private static async Task<string> WhyNoneAsync(VmCacheClient client, CancellationToken cancel)
    {
        try
        {
            var node = await client.GetStatusAsync(Deadlines.Afterthought, cancel).ConfigureAwait(false);
            return string.Concat(node.Pools.Where(p => p.Reason.Length > 0).Select(p => $"; pool {p.Name}: {p.Reason}"));
        }
        catch (VmCacheException)
        {
            return "";
        }
    }

    /// <summary>Releases a VM that was taken and is of no use; also after Ctrl-C, hence without the verb's own token.</summary>
    private static async Task<CliException> GiveBackAsync(VmCacheClient client, string id, CliException error)
    {
        string fate;
        try
        {
            await client.ReleaseAsync(id, Deadlines.Release).ConfigureAwait(false);
            fate = "it was released";
        }
        catch (VmCacheException refused)
        {
            fate = $"it could not be released either ({refused.Message}): unless it runs, it is destroyed after its grace period";
        }

        return new CliException(
            error.ExitCode, error.Code, error.Reason, $"VM {id} was taken, but then: {error.Message}; {fate}", error)
        {
            Metadata = error.Metadata,
            RetryAfter = error.RetryAfter,
        };
    }
}
