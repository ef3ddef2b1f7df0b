using System.CommandLine;
using VmCacheCluster.Cli.Output;

namespace VmCacheCluster.Cli.Verbs;

internal static class StatusVerb
{
    internal static Command Create(Globals globals)
    {
        var verb = new Command("status", "Show the pools, their VMs, and what happened lately");
        verb.SetAction((parse, cancel) => RunAsync(globals, parse, cancel));
        return verb;
    }

    private static async Task<int> RunAsync(Globals globals, ParseResult parse, CancellationToken cancel)
    {
        using var client = globals.Connect(parse);
        var format = globals.Format(parse);
        var node = await client.GetStatusAsync(Deadlines.Query, cancel, memory: format == OutputFormat.Wide).ConfigureAwait(false);
        var view = ViewOf.Status(node, client.Endpoint);
        var text = format == OutputFormat.Json
            ? Json.Text(view, Json.Views.StatusView) + "\n"
            : StatusText.Of(view, format == OutputFormat.Wide, globals.Host.Time.GetUtcNow(), globals.OutStyle);
        globals.Host.Out.Write(text);
        return ExitCode.Ok;
    }
}
