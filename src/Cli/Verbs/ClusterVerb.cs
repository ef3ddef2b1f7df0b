using System.CommandLine;
using VmCacheCluster.Cli.Output;

namespace VmCacheCluster.Cli.Verbs;

internal static class ClusterVerb
{
    internal static Command Create(Globals globals)
    {
        var status = new Command("status", "Show the hosts of the cluster, and what each has of every pool");
        status.SetAction((parse, cancel) => StatusAsync(globals, parse, ClusterText.Status, cancel));
        return new Command("cluster", "What concerns all hosts of the cluster") { status };
    }

    internal static async Task<int> StatusAsync(Globals globals, ParseResult parse, Func<ClusterView, bool, Style, object> text, CancellationToken cancel)
    {
        using var client = globals.Connect(parse);
        var view = ViewOf.Cluster(await client.GetClusterAsync(Deadlines.Query, cancel).ConfigureAwait(false));
        var format = globals.Format(parse);
        globals.Host.Out.Write(format == OutputFormat.Json
            ? Json.Text(view, Json.Views.ClusterView) + "\n"
            : text(view, format == OutputFormat.Wide, globals.OutStyle).ToString());
        return ExitCode.Ok;
    }
}
