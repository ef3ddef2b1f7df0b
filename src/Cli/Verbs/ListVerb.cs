using System.CommandLine;
using VmCacheCluster.Cli.Output;

namespace VmCacheCluster.Cli.Verbs;

internal static class ListVerb
{
    internal static Command Create(Globals globals)
    {
        var pool = new Option<string?>("--pool") { Description = "Only this pool's VMs", HelpName = "NAME" };
        var verb = new Command("list", "List the VMs of this host") { pool };
        verb.SetAction((parse, cancel) => RunAsync(globals, parse, parse.GetValue(pool) ?? "", cancel));
        return verb;
    }

    private static async Task<int> RunAsync(Globals globals, ParseResult parse, string pool, CancellationToken cancel)
    {
        using var client = globals.Connect(parse);
        var vms = await client.ListAsync(pool, [], Deadlines.Query, cancel).ConfigureAwait(false);
        var view = new ListView([.. vms.Select(ViewOf.Vm)]);
        var format = globals.Format(parse);
        globals.Host.Out.Write(format == OutputFormat.Json
            ? Json.Text(view, Json.Views.ListView) + "\n"
            : ListText.Of(view, format == OutputFormat.Wide, globals.Host.Time.GetUtcNow(), globals.OutStyle));
        return ExitCode.Ok;
    }
}
