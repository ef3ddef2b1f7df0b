using System.CommandLine;
using VmCacheCluster.Cli.Output;
using VmCacheCluster.Client;

namespace VmCacheCluster.Cli.Verbs;

internal static class ResumeVerb
{
    internal static Command Create(Globals globals)
    {
        var word = new Argument<string>("VM") { Description = "A leased VM: its id, or an unambiguous beginning of it" };
        var verb = new Command("resume", "Let a VM taken by get-base-vm run: resume it, reseed its random numbers, set its clock")
        {
            word,
        };
        verb.SetAction((parse, cancel) => RunAsync(globals, parse, parse.GetRequiredValue(word), cancel));
        return verb;
    }

    private static async Task<int> RunAsync(Globals globals, ParseResult parse, string word, CancellationToken cancel)
    {
        using var client = globals.Connect(parse);
        var vm = await VmLookup.FindAsync(client, word, cancel).ConfigureAwait(false);
        Holding.RequireLeased(vm);
        var times = await VmResume.RunAsync(vm.Qmp, vm.Agent, Deadlines.Resume, globals.Host.Time, cancel).ConfigureAwait(false);
        var view = new ResumeView(vm.Id, ViewOf.Resumed(times));
        globals.Host.Out.WriteLine(globals.Format(parse) == OutputFormat.Json
            ? Json.Text(view, Json.Views.ResumeView)
            : $"{vm.Id}: {BaseVmText.Resume(view.Resumed)}");
        return ExitCode.Ok;
    }
}
