using System.CommandLine;
using VmCacheCluster.Cli.Output;
using VmCacheCluster.Client;

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
        var timeout = DurationOption.Create("--timeout", "How long to wait for a VM when none is warm", StandardTimeout);
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
        var taken = await client.GetBaseVmAsync(timeout, cancel).ConfigureAwait(false);
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
