using System.CommandLine;
using VmCacheCluster.Cli.Output;

namespace VmCacheCluster.Cli.Verbs;

internal static class NodeVerb
{
    internal static Command Create(Globals globals)
    {
        var drain = new Command("drain", "Make no more VMs on this host and give its warm ones up; leased ones are left alone");
        drain.SetAction((parse, cancel) => DrainAsync(globals, parse, cancel));
        return new Command("node", "What concerns this host as a whole") { drain };
    }

    private static async Task<int> DrainAsync(Globals globals, ParseResult parse, CancellationToken cancel)
    {
        using var client = globals.Connect(parse);
        var drained = await client.DrainAsync(Deadlines.Release, cancel).ConfigureAwait(false);
        var view = new DrainView(drained.WarmGivenUp, drained.LeasedLeft);
        globals.Host.Out.WriteLine(globals.Format(parse) == OutputFormat.Json
            ? Json.Text(view, Json.Views.DrainView)
            : $"drained: {view.WarmGivenUp} VMs that were not handed out are given up, {view.LeasedLeft} leased ones are left to their holders");
        return ExitCode.Ok;
    }
}
