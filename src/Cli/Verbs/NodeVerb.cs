using System.CommandLine;
using VmCacheCluster.Cli.Output;

namespace VmCacheCluster.Cli.Verbs;

internal static class NodeVerb
{
    internal static Command Create(Globals globals)
    {
        var node = new Argument<string?>("NODE") { Description = "Its name (see 'vmcache node list'); else the one that is asked", Arity = ArgumentArity.ZeroOrOne };
        var cordon = new Command("cordon", "Keep no more VMs warm on a host than it has, and give none to callers of other hosts") { node };
        cordon.SetAction((parse, cancel) => CordonAsync(globals, parse, parse.GetValue(node) ?? "", true, cancel));
        var uncordon = new Command("uncordon", "Undo a cordon or a drain") { node };
        uncordon.SetAction((parse, cancel) => CordonAsync(globals, parse, parse.GetValue(node) ?? "", false, cancel));
        var list = new Command("list", "Show the hosts of the cluster");
        list.SetAction((parse, cancel) => ClusterVerb.StatusAsync(globals, parse, ClusterText.Hosts, cancel));
        return new Command("node", "What concerns one host as a whole") { DrainVerb.Create(globals, node), cordon, uncordon, list, ReapVerb.Create(globals) };
    }

    private static async Task<int> CordonAsync(Globals globals, ParseResult parse, string node, bool on, CancellationToken cancel)
    {
        using var client = globals.Connect(parse);
        await (on ? client.CordonAsync(Deadlines.Query, cancel, node) : client.UncordonAsync(Deadlines.Query, cancel, node)).ConfigureAwait(false);
        globals.Host.Out.WriteLine(globals.Format(parse) == OutputFormat.Json
            ? Json.Text(new CordonView(on), Json.Views.CordonView)
            : on ? "cordoned: no more VMs are kept warm than there are" : "uncordoned: VMs are kept warm again");
        return ExitCode.Ok;
    }
}
